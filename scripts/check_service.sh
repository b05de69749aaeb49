#!/usr/bin/env bash
# Run the steps of deploy/Dockerfile without Docker: build the wheel, install it into an empty environment as the image does, measure
# the image, serve a classifier, ask it, and stop it.
#   scripts/check_service.sh [CLASSIFIER]      by default one is trained on the drawings that come along
# PYTHON is the Python of the environment, 3.12 where this machine has it; BIN is the folder of programs of .venv.
set -euo pipefail
cd "$(dirname "$0")/.."
top=$PWD
tools=$top/${BIN:-.venv/bin}

folder=$(mktemp -d)
server=
trap 'test -z "$server" || kill "$server" 2> /dev/null || true; rm -rf "$folder"' EXIT

"$tools/python" -m build --wheel --no-isolation --outdir "$folder/dist" . > "$folder/build.log" 2>&1 || { cat "$folder/build.log"; exit 1; }
for python in "${PYTHON:-}" python3.12 "$(pyenv root 2> /dev/null)"/versions/3.12.*/bin/python "$tools/python"; do
  "$python" -m pip --version > /dev/null 2>&1 && break
done
"$python" --version
PYTHON=$python deploy/install.sh "$folder/imgclass" "$folder"/dist/*.whl
"$tools/python" scripts/measure_image.py "$folder/imgclass"

if [ $# -gt 0 ]; then classifier=$(realpath "$1"); else
  classifier=$folder/classifier
  "$tools/imgclass" retrain --image_dir data/clipart --head logistic --output_graph "$classifier" > /dev/null
fi

# A home of its own and another folder, so that no file of the tree is found.
mkdir "$folder/home" "$folder/work"
picture=$(find "$top/data/clipart/fruit" -name '*.jpg' | sort | head -n 1)
cd "$folder/work"
env -i HOME="$folder/home" PATH=/usr/bin:/bin "$folder/imgclass/bin/imgclass" serve "$classifier" --port 0 > out 2> err &
server=$!
for _ in $(seq 200); do grep -q http:// out && break; sleep 0.05; done
address=$(grep -o -m 1 'http://[^ ]*' out) || { cat err; exit 1; }
answer=$("$tools/python" - "$address" "$picture" << 'END'
import sys, urllib.request
address, path = sys.argv[1:]
print(urllib.request.urlopen(f"{address}/health", timeout=20).read().decode())
asked = urllib.request.Request(f"{address}/predict", open(path, "rb").read(), {"Content-Type": "image/jpeg"})
print(urllib.request.urlopen(asked, timeout=20).read().decode())
END
)
echo "$answer"
case $answer in *'"status":"ready"'*'"class":"fruit"'*) ;; *) echo "The service did not name the fruit"; cat err; exit 1 ;; esac
kill "$server"
wait "$server" || { echo "The service did not end well"; cat err; exit 1; }
server=
if grep -v '^127.0.0.1 ' err; then echo "The service complained"; exit 1; fi
echo "Service: the steps of the image ran, and its service answered and ended"
