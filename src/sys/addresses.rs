//! A table by address, for the walk of debug builds.

#[cfg(feature = "std")]
mod tables {
    use core::hash::{BuildHasherDefault, Hasher};

    /// Addresses differ enough as they are, and debug builds are slow.
    #[derive(Default)]
    pub(crate) struct Address(u64);

    impl Hasher for Address {
        fn write(&mut self, _: &[u8]) {
            unreachable!("addresses are numbers");
        }

        fn write_usize(&mut self, address: usize) {
            self.0 = (address as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        }

        fn finish(&self) -> u64 {
            self.0
        }
    }

    pub(crate) type AddressMap<T, V> =
        std::collections::HashMap<*const T, V, BuildHasherDefault<Address>>;
}

#[cfg(not(feature = "std"))]
mod tables {
    pub(crate) type AddressMap<T, V> = alloc::collections::BTreeMap<*const T, V>;
}

pub(crate) use tables::AddressMap;
