#!/usr/bin/env bash
# Builds kiosk_VERSION_ARCH.deb: the software with its locked Python packages, the model files, unit and rules.
#   tools/deb.sh [FOLDER]     FOLDER: where it goes (default: var)
# DEB_VERSION sets another version, DEB_SOFTWARE another folder in place of the built software (the tests' small one).
set -euo pipefail
umask 022
cd "$(dirname "$0")/.."

OUT=$(realpath -m "${1:-var}")
VERSION=${DEB_VERSION:-$(sed -n 's/^version = "\(.*\)"/\1/p' pyproject.toml)}
ARCH=$(dpkg --print-architecture)
PYTHON=.venv/bin/python
export SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct 2>/dev/null || date +%s)}
SCRATCH=$(mktemp -d)
trap 'rm -rf "$SCRATCH"' EXIT
ROOT=$SCRATCH/root

put() { # mode, file, place
    install -D -m "$1" "$2" "$ROOT/$3"
}

# A virtual environment of the system's Python: workers that it starts find the same packages.
build_software() {
    local home=$ROOT/usr/lib/kiosk packages=$ROOT/usr/lib/kiosk/lib/python3.11/site-packages
    local pip=("$PYTHON" -m pip --disable-pip-version-check --quiet install --no-compile --no-build-isolation --target)
    mkdir -p "$packages" "$home/bin" "$SCRATCH/source"
    cp -r agent collector pyproject.toml README.md LICENSE "$SCRATCH/source"
    "${pip[@]}" "$packages" --require-hashes -r requirements/kiosk.lock
    "${pip[@]}" "$packages" --no-deps --upgrade "$SCRATCH/source"
    # Compiled once more without the search path of the Python that builds.
    awk '/^[a-z]/ {mine = /^(pyscard|wsq)==/} mine' requirements/kiosk.lock >"$SCRATCH/compiled.lock"
    LDSHARED="cc -shared" "${pip[@]}" "$packages" --no-deps --no-cache-dir --upgrade --require-hashes -r "$SCRATCH/compiled.lock"
    # Programs of the packages stay out, and with them their lines, which `kiosk doctor` would miss.
    rm -rf "$packages/bin" "$packages/share"
    sed -i '/^\.\.\//d' "$packages"/*.dist-info/RECORD
    find "$packages" -name __pycache__ -prune -exec rm -rf {} +
    printf 'home = /usr/bin\ninclude-system-site-packages = false\nversion = 3.11\n' >"$home/pyvenv.cfg"
    ln -s ../../../bin/python3 "$home/bin/python3"
    install -m 755 deploy/debian/kiosk.py "$home/bin/kiosk"
    "$PYTHON" -m agent.cli models install --folder "$ROOT/usr/share/kiosk/models" >/dev/null
    chmod -R u=rwX,go=rX "$ROOT/usr"
    find "$packages" -type f -exec chmod 644 {} +
}

take_software() {
    mkdir -p "$ROOT/usr/lib/kiosk"
    cp -a "$DEB_SOFTWARE/." "$ROOT/usr/lib/kiosk"
}

add_files() {
    local doc=usr/share/doc/kiosk file
    mkdir -p "$ROOT/usr/bin"
    ln -s ../lib/kiosk/bin/kiosk "$ROOT/usr/bin/kiosk"
    put 755 deploy/debian/kiosk-upgrade usr/sbin/kiosk-upgrade
    put 644 deploy/kiosk.service usr/lib/systemd/system/kiosk.service
    put 644 deploy/60-kiosk.rules usr/lib/udev/rules.d/60-kiosk.rules
    put 644 deploy/60-kiosk-pcsc.rules usr/share/polkit-1/rules.d/60-kiosk-pcsc.rules
    put 644 deploy/kiosk.sysusers usr/lib/sysusers.d/kiosk.conf
    put 644 deploy/kiosk.tmpfiles usr/lib/tmpfiles.d/kiosk.conf
    put 644 deploy/kiosk.example.toml $doc/examples/kiosk.toml
    for file in technician install doctor keys operator privacy; do put 644 docs/$file.md $doc/$file.md; done
    put 644 deploy/debian/copyright $doc/copyright
    put 644 deploy/debian/lintian-overrides usr/share/lintian/overrides/kiosk
    put 644 deploy/debian/kiosk.1 usr/share/man/man1/kiosk.1
    put 644 deploy/debian/kiosk-upgrade.8 usr/share/man/man8/kiosk-upgrade.8
    printf 'kiosk (%s) stable; urgency=medium\n\n  * See CHANGELOG.md.\n\n -- %s  %s\n' "$VERSION" \
        "$(sed -n 's/^Maintainer: //p' deploy/debian/control)" "$(date -R -u -d "@$SOURCE_DATE_EPOCH")" >"$SCRATCH/changelog"
    put 644 "$SCRATCH/changelog" $doc/changelog
    gzip -9n "$ROOT/$doc/changelog" "$ROOT"/usr/share/man/man?/*
}

add_control() {
    local script
    mkdir -p "$ROOT/DEBIAN"
    sed -e "s/@VERSION@/$VERSION/" -e "s/@ARCH@/$ARCH/" -e "s/@SIZE@/$(du -sk "$ROOT/usr" | cut -f1)/" \
        deploy/debian/control >"$ROOT/DEBIAN/control"
    for script in postinst prerm postrm; do install -m 755 "deploy/debian/$script" "$ROOT/DEBIAN/$script"; done
    (cd "$ROOT" && find usr -type f -printf '%P\0' | LC_ALL=C sort -z | sed -z 's|^|usr/|' | xargs -0 md5sum >DEBIAN/md5sums)
    chmod 644 "$ROOT/DEBIAN/md5sums"
}

mkdir -p "$OUT"
if [ -n "${DEB_SOFTWARE:-}" ]; then take_software; else build_software; fi
add_files
add_control
find "$ROOT" -exec touch --no-dereference --date="@$SOURCE_DATE_EPOCH" {} +
dpkg-deb --root-owner-group -Zxz -z1 --build "$ROOT" "$OUT/kiosk_${VERSION}_$ARCH.deb" >/dev/null
echo "$OUT/kiosk_${VERSION}_$ARCH.deb"
