#!/usr/bin/env bash
# Run the tests that need no TensorFlow on the newest Python that settings.ini allows and this machine has, other than that
# of .venv, in an environment without TensorFlow. BIN is the folder of programs of .venv.
set -euo pipefail
cd "$(dirname "$0")/.."
tools=$PWD/${BIN:-.venv/bin}

# Where a Python may be: on PATH, or among those of pyenv, whose commands of that name may not run.
candidates() {
  for version in 3.13 3.12; do
    command -v "python$version" || true
    if command -v pyenv > /dev/null; then ls -d "$(pyenv root)/versions/$version".*/bin/python 2> /dev/null || true; fi
  done
}

own=$("$tools/python" -c 'import sys; print(sys.version_info[:2])')
for python in $(candidates) ""; do
  test -n "$python" || { echo "Skipped: neither PATH nor pyenv has another Python that runs, 3.12 or 3.13"; exit 0; }
  other=$("$python" -c 'import sys, venv, ensurepip; print(sys.version_info[:2])' 2> /dev/null) && test "$other" != "$own" && break
done

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"$python" -m venv "$folder/venv"
bin=$folder/venv/bin
# uv is quicker, and does not know pip's settings: where it finds no packages, pip installs them.
install() {
  "$tools/uv" pip install --quiet --python "$bin/python" "$@" ||
    "$bin/python" -m pip --quiet --disable-pip-version-check install "$@"
}
"$tools/python" - > "$folder/requirements.txt" << 'END'
import configparser

settings = configparser.ConfigParser(interpolation=None, delimiters=("=",))
settings.read("settings.ini", encoding="utf-8")
lines = [line.strip() for line in settings["DEFAULT"]["requirements"].splitlines()]
print(*[line for line in lines if not line.startswith(("tensorflow", "keras"))], sep="\n")
END
# With pyarrow, which people may have, pandas keeps text in another way.
install --constraint constraints.txt --requirement "$folder/requirements.txt" \
  pillow-heif pyarrow pytest pytest-xdist hypothesis nbformat psutil
install --no-deps --editable .

"$bin/python" --version
# Left out: the exercises and the browser, which need the extras, and what no other Python does otherwise.
ignored=(--ignore tests/test_exercises.py --ignore tests/test_kills.py --ignore tests/test_notebook_form.py)
PYTHONPATH=tests "$bin/python" -m pytest --quiet --numprocesses "${WORKERS:-2}" --dist loadfile -p no_tensorflow \
  --override-ini verbosity_assertions=2 "${ignored[@]}" --ignore-glob '*_in_browser.py' tests
