# What the scripts of this folder share; to be sourced. Goes to the root of the package.
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

# selected [WITHOUT]: which tests. All, without those that are named as A|B; or those of TESTS, as in TESTS="scoping masking".
selected() {
    if [ -z "${TESTS-}" ] && [ $# -eq 0 ]; then
        echo --tests
    else
        printf -- '--lib '
        printf -- '--test %s ' ${TESTS:-$(ls tests/*.rs tests/*/main.rs | sed 's|/main.rs$||; s|.*/||; s|\.rs$||' | grep -vxE "$1")}
    fi
}

# A compiler of Debian's and the source of exactly its standard library, so that the library can be built too.
with_source() {
    source_is_here || packages rustc-web rust-web-src
    source_is_here || skipped "no source of the standard library"
    /usr/bin/rustc -V
    export RUSTC=/usr/bin/rustc RUSTC_BOOTSTRAP=1
}

source_is_here() { [ -d "$(/usr/bin/rustc --print sysroot 2>/dev/null)/lib/rustlib/src/rust/library" ]; }

# The programs of cargo's output, which stand between brackets at the ends of its lines.
programs() { sed -n 's/.*(\(target.*\))$/\1/p'; }
