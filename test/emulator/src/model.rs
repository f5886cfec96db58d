//! The processors that Bochs emulates for us.

/// A processor model of Bochs. Together they have every capability of VT-x that Bochs knows, and lack each in one of them.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Model {
    /// Intel Core i7-4770: EPT with 1 GiB pages and A/D bits, VPID, unrestricted guest, virtual APIC registers and
    /// interrupt delivery. The default.
    Haswell,
    /// Intel Core i7-1185G7 or near: page-modification log, XSAVES and TSC scaling as well.
    TigerLake,
    /// Intel Core i5 M520: the first with unrestricted guests; no x2APIC, 1 GiB pages or A/D bits.
    Arrandale,
    /// AMD Ryzen 7 1700: AMD-V with next RIP saved, flush by ASID and pause filter, which QEMU's lacks.
    Ryzen,
}

impl Model {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Haswell, Self::TigerLake, Self::Arrandale, Self::Ryzen];

    /// Our short name for it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Haswell => "haswell",
            Self::TigerLake => "tigerlake",
            Self::Arrandale => "arrandale",
            Self::Ryzen => "ryzen",
        }
    }

    /// The model of this short name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|model| model.name() == name)
    }

    /// Whether it has VT-x; it has AMD-V otherwise.
    pub fn is_intel(self) -> bool {
        self != Self::Ryzen
    }

    /// What Bochs calls it.
    pub(crate) fn bochs_name(self) -> &'static str {
        match self {
            Self::Haswell => "corei7_haswell_4770",
            Self::TigerLake => "tigerlake",
            Self::Arrandale => "corei5_arrandale_m520",
            Self::Ryzen => "ryzen",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_model_is_found_by_its_name() {
        for model in Model::ALL {
            assert_eq!(Model::from_name(model.name()), Some(model));
        }
        assert_eq!(Model::from_name("pentium"), None);
    }
}
