# Shared by the scripts of this folder, which source it. Changes to the root of the package.
set -euo pipefail
self=$(realpath "$0")
cd "$(dirname "${BASH_SOURCE[0]}")/.."
export CARGO_INCREMENTAL=0 CARGO_TERM_COLOR=never CARGO_NET_RETRY=5 DEBIAN_FRONTEND=noninteractive
unset RUSTFLAGS RUSTDOCFLAGS
PATH="$PATH:${CARGO_HOME:-$HOME/.cargo}/bin"
host=$(rustc -vV | sed -n 's/^host: //p')
skip=75 # what `.ci/run` takes for "could not run here"

skipped() { echo "SKIPPED: $*" && exit $skip; }

packages() { .ci/packages "$@" || skipped "cannot install $*"; }

# install NAME VERSION: a tool of cargo, unless it is here.
install() { command -v "$1" >/dev/null || cargo install --quiet --locked "$1@$2" || skipped "cannot install $1"; }

# selected [WITHOUT]: the arguments of cargo that select tests. All tests but those of WITHOUT,
# given as A|B; or those of TESTS, as in TESTS="scoping masking". ENGINE=1 selects the tests of the
# engine, in a package with few dependencies; without `testing`, which compares paths of this
# package.
selected() {
    if [ -n "${ENGINE-}" ]; then
        printf -- '--manifest-path %s ' tests/miri-crate/Cargo.toml
        printf -- '--test %s ' ${TESTS:-$(sed -n 's/^name = "\(.*\)"/\1/p' tests/miri-crate/Cargo.toml | grep -vxE "miri-crate|testing|${1-none}")}
    elif [ -z "${TESTS-}" ] && [ $# -eq 0 ]; then
        echo --tests
    else
        printf -- '--lib '
        printf -- '--test %s ' ${TESTS:-$(ls tests/*.rs tests/*/main.rs | sed 's|/main.rs$||; s|.*/||; s|\.rs$||' | grep -vxE "$1")}
    fi
}

# Selects a compiler together with the source of its standard library, so that the library can be
# built too: those of a nightly that has them, else those of Debian.
with_source() {
    if rustup run nightly rustc -V >/dev/null 2>&1 && [ -d "$(rustup run nightly rustc --print sysroot)/$library" ]; then
        export RUSTUP_TOOLCHAIN=nightly
    else
        source_is_here || packages rustc-web rust-web-src
        source_is_here || skipped "no source of the standard library"
        export RUSTC=/usr/bin/rustc
    fi
    export RUSTC_BOOTSTRAP=1
    "${RUSTC:-rustc}" -V
}

library=lib/rustlib/src/rust/library
source_is_here() { [ -d "$(/usr/bin/rustc --print sysroot 2>/dev/null)/$library" ]; }

# The test programs in cargo's output: it prints each in brackets at the end of a line.
programs() { sed -n 's/.*(\(target.*\))$/\1/p'; }
