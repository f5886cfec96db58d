//! The decoder against another one.

use super::*;
use crate::{SystemSegment, Table};
use iced_x86::{Code, Decoder, DecoderOptions, Mnemonic, OpKind};
use proptest::prelude::*;

fn bits(mode: Mode) -> u32 {
    match mode {
        Mode::Bits16 => 16,
        Mode::Bits32 => 32,
        Mode::Bits64 => 64,
    }
}

/// The mnemonics that an operation may have.
fn expected(operation: Operation) -> std::vec::Vec<Mnemonic> {
    use Mnemonic::*;
    match operation {
        Operation::LoadZero(_) => std::vec![Mov, Movzx],
        Operation::LoadSign(_) => std::vec![Movsx, Movsxd],
        Operation::Store => std::vec![Mov, Movnti],
        Operation::StoreConstant => std::vec![Mov],
        Operation::Arithmetic(kind, _) => std::vec![match kind {
            Arithmetic::Add => Add,
            Arithmetic::Or => Or,
            Arithmetic::AddCarry => Adc,
            Arithmetic::SubtractBorrow => Sbb,
            Arithmetic::And => And,
            Arithmetic::Subtract => Sub,
            Arithmetic::Xor => Xor,
            Arithmetic::Compare => Cmp,
        }],
        Operation::Test(_) => std::vec![Test],
        Operation::Not => std::vec![Not],
        Operation::Negate => std::vec![Neg],
        Operation::Increment => std::vec![Inc],
        Operation::Decrement => std::vec![Dec],
        Operation::Exchange => std::vec![Xchg],
        Operation::ExchangeAdd => std::vec![Xadd],
        Operation::CompareExchange => std::vec![Cmpxchg],
        Operation::Bit(change, _) => std::vec![match change {
            BitChange::None => Bt,
            BitChange::Set => Bts,
            BitChange::Reset => Btr,
            BitChange::Complement => Btc,
        }],
        Operation::SetCondition(_) => std::vec![
            Seto, Setno, Setb, Setae, Sete, Setne, Setbe, Seta, Sets, Setns, Setp, Setnp, Setl, Setge, Setle,
            Setg
        ],
        Operation::MoveCondition(_) => std::vec![
            Cmovo, Cmovno, Cmovb, Cmovae, Cmove, Cmovne, Cmovbe, Cmova, Cmovs, Cmovns, Cmovp, Cmovnp, Cmovl,
            Cmovge, Cmovle, Cmovg
        ],
        Operation::Shift(shift, _) => match shift {
            Shift::RotateLeft => std::vec![Rol],
            Shift::RotateRight => std::vec![Ror],
            Shift::RotateCarryLeft => std::vec![Rcl],
            Shift::RotateCarryRight => std::vec![Rcr],
            Shift::Left => std::vec![Shl, Sal],
            Shift::Right => std::vec![Shr],
            Shift::RightSigned => std::vec![Sar],
        },
        Operation::ShiftLeftFrom(_) => std::vec![Shld],
        Operation::ShiftRightFrom(_) => std::vec![Shrd],
        Operation::MultiplyWide(Sign::Unsigned) => std::vec![Mul],
        Operation::MultiplyWide(Sign::Signed) | Operation::Multiply(_) => std::vec![Imul],
        Operation::ScanForward => std::vec![Bsf],
        Operation::ScanReverse => std::vec![Bsr],
        Operation::LoadSwapped | Operation::StoreSwapped => std::vec![Movbe],
        Operation::CompareExchangePair => std::vec![Cmpxchg8b, Cmpxchg16b],
        Operation::Push | Operation::PushConstant => std::vec![Push],
        Operation::Pop => std::vec![Pop],
        Operation::Translate => std::vec![Xlatb],
        Operation::Vector(found) => expected_vector(found.kind),
        Operation::System(operation) => expected_system(operation),
        Operation::Text(text) => expected_text(text),
    }
}

/// The mnemonics that a move of vectors may have.
fn expected_vector(kind: VectorKind) -> std::vec::Vec<Mnemonic> {
    use Mnemonic::*;
    match kind {
        VectorKind::Load => std::vec![
            Movups, Movupd, Movss, Movsd, Movaps, Movapd, Movd, Movq, Movdqa, Movdqu, Lddqu, Movntdqa,
            Vmovups, Vmovupd, Vmovss, Vmovsd, Vmovaps, Vmovapd, Vmovd, Vmovq, Vmovdqa, Vmovdqu, Vlddqu,
            Vmovntdqa
        ],
        VectorKind::LoadLow => std::vec![Movlps, Movlpd, Vmovlps, Vmovlpd],
        VectorKind::LoadHigh => std::vec![Movhps, Movhpd, Vmovhps, Vmovhpd],
        VectorKind::Store => std::vec![
            Movups, Movupd, Movss, Movsd, Movaps, Movapd, Movntps, Movntpd, Movd, Movq, Movdqa, Movdqu,
            Movntdq, Movlps, Movlpd, Vmovups, Vmovupd, Vmovss, Vmovsd, Vmovaps, Vmovapd, Vmovntps, Vmovntpd,
            Vmovd, Vmovq, Vmovdqa, Vmovdqu, Vmovntdq, Vmovlps, Vmovlpd
        ],
        VectorKind::StoreHigh => std::vec![Movhps, Movhpd, Vmovhps, Vmovhpd],
    }
}

/// The mnemonics that an operation of systems may have.
fn expected_system(operation: SystemOperation) -> std::vec::Vec<Mnemonic> {
    use Mnemonic::*;
    match operation {
        SystemOperation::StoreSelector(SystemSegment::LocalTable) => std::vec![Sldt],
        SystemOperation::StoreSelector(SystemSegment::Task) => std::vec![Str],
        SystemOperation::LoadSelector(SystemSegment::LocalTable) => std::vec![Lldt],
        SystemOperation::LoadSelector(SystemSegment::Task) => std::vec![Ltr],
        SystemOperation::StoreTable(Table::Global) => std::vec![Sgdt],
        SystemOperation::StoreTable(Table::Interrupt) => std::vec![Sidt],
        SystemOperation::LoadTable(Table::Global) => std::vec![Lgdt],
        SystemOperation::LoadTable(Table::Interrupt) => std::vec![Lidt],
        SystemOperation::StoreStatus => std::vec![Smsw],
        SystemOperation::LoadStatus => std::vec![Lmsw],
        SystemOperation::StoreSegment(_) | SystemOperation::LoadSegment(_) => std::vec![Mov],
        SystemOperation::LoadPointer(_) => std::vec![Lds, Les, Lfs, Lgs, Lss],
        SystemOperation::PushSegment(_) => std::vec![Push],
        SystemOperation::PopSegment(_) => std::vec![Pop],
        SystemOperation::FarJump => std::vec![Jmp],
        SystemOperation::FarCall => std::vec![Call],
        SystemOperation::FarReturn => std::vec![Retf],
        SystemOperation::InterruptReturn => std::vec![Iret, Iretd, Iretq],
        SystemOperation::Interrupt => std::vec![Int, Int3, Into],
    }
}

/// The mnemonics that a string operation may have.
fn expected_text(text: Text) -> std::vec::Vec<Mnemonic> {
    use Mnemonic::*;
    match text {
        Text::Move => std::vec![Movsb, Movsw, Movsd, Movsq],
        Text::Store => std::vec![Stosb, Stosw, Stosd, Stosq],
        Text::Load => std::vec![Lodsb, Lodsw, Lodsd, Lodsq],
        Text::Compare => std::vec![Cmpsb, Cmpsw, Cmpsd, Cmpsq],
        Text::Scan => std::vec![Scasb, Scasw, Scasd, Scasq],
        Text::Input => std::vec![Insb, Insw, Insd],
        Text::Output => std::vec![Outsb, Outsw, Outsd],
    }
}

/// Compares one instruction with iced's reading of it.
fn compare(bytes: &[u8], mode: Mode) -> Result<(), TestCaseError> {
    let Some(ours) = decode(bytes, mode) else { return Ok(()) };
    let theirs = Decoder::with_ip(bits(mode), bytes, 0, DecoderOptions::AMD).decode();
    prop_assert_ne!(theirs.code(), Code::INVALID, "{:?} from {:x?}", ours, bytes);
    prop_assert_eq!(usize::from(ours.length), theirs.len(), "{:?} from {:x?}", ours, bytes);
    let mnemonics = expected(ours.operation);
    prop_assert!(mnemonics.contains(&theirs.mnemonic()), "{:?} is {:?}", ours, theirs.mnemonic());
    if let Operation::Vector(found) = ours.operation {
        compare_vector(&ours, &found, &theirs)?;
    }
    if let Operand::Memory(address) = ours.operand {
        compare_address(&ours, &address, &theirs)?;
    }
    Ok(())
}

fn compare_vector(
    ours: &Instruction,
    found: &VectorMove,
    theirs: &iced_x86::Instruction,
) -> Result<(), TestCaseError> {
    let is_store = theirs.op0_kind() == OpKind::Memory;
    prop_assert_eq!(matches!(found.kind, VectorKind::Store | VectorKind::StoreHigh), is_store, "{:?}", ours);
    let register = if is_store { theirs.op1_register() } else { theirs.op0_register() };
    prop_assert_eq!(usize::from(ours.register), register.number(), "{:?}", ours);
    let has_source = matches!(found.kind, VectorKind::LoadLow | VectorKind::LoadHigh);
    if let (Some(source), true) = (found.vex, has_source) {
        prop_assert_eq!(usize::from(source), theirs.op1_register().number(), "{:?}", ours);
    }
    Ok(())
}

fn compare_address(
    ours: &Instruction,
    address: &Address,
    theirs: &iced_x86::Instruction,
) -> Result<(), TestCaseError> {
    let size = theirs.memory_size().size() as u64;
    let access = match ours.operation {
        Operation::LoadZero(width) | Operation::LoadSign(width) => width,
        Operation::Vector(found) => match found.bytes {
            4 => Width::W32,
            8 => Width::W64,
            _ => {
                prop_assert_eq!(u64::from(found.bytes), size, "{:?}", ours);
                return compare_parts(ours, address, theirs);
            }
        },
        // Far pointers, descriptor tables and selectors have sizes of their own.
        Operation::System(_) => return compare_parts(ours, address, theirs),
        _ => ours.width,
    };
    let words = if ours.operation == Operation::CompareExchangePair { 2 } else { 1 };
    prop_assert_eq!(words * access.bytes(), size, "{:?}", ours);
    compare_parts(ours, address, theirs)
}

fn compare_parts(
    ours: &Instruction,
    address: &Address,
    theirs: &iced_x86::Instruction,
) -> Result<(), TestCaseError> {
    let number = |register: iced_x86::Register| register.number() as u8;
    if address.is_relative {
        prop_assert!(theirs.is_ip_rel_memory_operand());
        return Ok(());
    }
    let (base, index) = (theirs.memory_base(), theirs.memory_index());
    let theirs_base = (base != iced_x86::Register::None).then(|| number(base));
    let theirs_index = (index != iced_x86::Register::None).then(|| number(index));
    prop_assert_eq!(address.base, theirs_base, "{:?}", ours);
    prop_assert_eq!(address.index, theirs_index, "{:?}", ours);
    if address.index.is_some() {
        prop_assert_eq!(1 << address.scale, theirs.memory_index_scale());
    }
    let mask = ours.address_width.mask();
    prop_assert_eq!(address.displacement & mask, theirs.memory_displacement64() & mask);
    Ok(())
}

fn any_mode() -> impl Strategy<Value = Mode> {
    prop_oneof![Just(Mode::Bits16), Just(Mode::Bits32), Just(Mode::Bits64)]
}

/// Bytes that are often one of our instructions.
fn likely_bytes() -> impl Strategy<Value = [u8; 16]> {
    let prefixes = prop::sample::select(std::vec![
        std::vec![],
        std::vec![0x66],
        std::vec![0xF3],
        std::vec![0xF0],
        std::vec![0x64, 0x67],
        std::vec![0x48],
        std::vec![0x66, 0x41],
        std::vec![0x4D],
        std::vec![0x0F],
        std::vec![0x66, 0x0F],
        std::vec![0x49, 0x0F],
        std::vec![0xF3, 0x0F],
        std::vec![0x66, 0x4C, 0x0F],
        std::vec![0xC5],
        std::vec![0xC4],
        std::vec![0xC5, 0xF9],
        std::vec![0xC4, 0x41],
    ]);
    (prefixes, any::<[u8; 16]>()).prop_map(|(prefixes, mut bytes)| {
        bytes[..prefixes.len()].copy_from_slice(&prefixes);
        bytes
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(20_000))]

    #[test]
    fn what_is_decoded_is_what_iced_decodes(bytes in likely_bytes(), mode in any_mode()) {
        compare(&bytes, mode)?;
    }

    #[test]
    fn a_cut_instruction_is_none(bytes in likely_bytes(), mode in any_mode()) {
        if let Some(found) = decode(&bytes, mode) {
            let length = usize::from(found.length);
            prop_assert_eq!(decode(&bytes[..length - 1], mode), None);
            prop_assert_eq!(decode(&bytes[..length], mode), Some(found));
        }
    }
}

/// Every opcode with every ModR/M byte, without prefixes.
#[test]
fn every_opcode_agrees_with_iced() {
    for mode in [Mode::Bits16, Mode::Bits32, Mode::Bits64] {
        for opcode in 0..=255u8 {
            for operand in 0..=255u8 {
                let mut bytes = [0x25; 16];
                bytes[..2].copy_from_slice(&[opcode, operand]);
                compare(&bytes, mode).unwrap();
                bytes[..3].copy_from_slice(&[0x0F, opcode, operand]);
                compare(&bytes, mode).unwrap();
                for last in 0..=255u8 {
                    if last & 0x78 != 0x78 && last & 0x78 != 0x50 {
                        continue;
                    }
                    bytes[..4].copy_from_slice(&[0xC5, last, opcode, operand]);
                    compare(&bytes, mode).unwrap();
                }
                for prefix in [0x66, 0xF2, 0xF3] {
                    bytes[..4].copy_from_slice(&[prefix, 0x0F, opcode, operand]);
                    compare(&bytes, mode).unwrap();
                }
            }
        }
    }
}

#[test]
fn instructions_that_drivers_use_are_known() {
    let known: [&[u8]; 12] = [
        &[0x8B, 0x04, 0x25, 0, 0, 0, 0],
        &[0xF3, 0x48, 0xAB],
        &[0x66, 0xF3, 0x6D],
        &[0x0F, 0xB7, 0x07],
        &[0x41, 0x0F, 0xBE, 0x45, 0x10],
        &[0xF0, 0x0F, 0xAB, 0x07],
        &[0x87, 0x07],
        &[0x83, 0x4F, 0x10, 0x01],
        &[0xA1, 1, 2, 3, 4, 5, 6, 7, 8],
        &[0x48, 0x0F, 0xC3, 0x07],
        &[0xF7, 0x07, 1, 0, 0, 0],
        &[0xC7, 0x05, 1, 2, 3, 4, 5, 6, 7, 8],
    ];
    for bytes in known {
        let found = decode(bytes, Mode::Bits64);
        assert_eq!(found.map(|found| usize::from(found.length)), Some(bytes.len()), "{bytes:x?}");
    }
}
