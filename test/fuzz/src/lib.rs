//! Fuzz targets for every parser of foreign bytes, and their corpora.
