#!/usr/bin/env bash
# Proves and measures on the GPU of a machine without a network: bash gpu/run.sh [OUT]; README.md tells its variables.
set -uo pipefail
cd "$(dirname "$0")/.."

out=${1:-gpu/results}
python=${PYTHON:-python3}
# Both suites on one engine, compilation included, are a matter of minutes; a quarter of an hour means that one hangs.
step_seconds=${STEP_SECONDS:-900}
read -ra engines <<<"${ENGINES:-jax torch}"
read -ra equivalence_arguments <<<"${EQUIVALENCE_ARGUMENTS:-}"
read -ra bench_arguments <<<"${BENCH_ARGUMENTS:-}"

if [ "${KERAS_STYLES_DEVICE:-gpu}" != cpu ] && ! nvidia-smi -L >/dev/null 2>&1 && ! [ -e /dev/nvidia0 ]; then
    echo "No GPU is visible on this machine; check its driver, or set KERAS_STYLES_DEVICE=cpu to try this without one." >&2
    exit 2
fi
if ! ls gpu/wheels/*.whl >/dev/null 2>&1; then
    echo "There are no wheels in gpu/wheels/; run python gpu/bundle.py where there is a network, and send them along." >&2
    exit 2
fi

mkdir -p "$out" || exit 2
out=$(cd "$out" && pwd)
environment=$(mktemp -d) || exit 2
trap 'rm -rf "$environment"' EXIT

# Without pip, since not every machine has what `venv` needs to install it; the machine's own installs into the new one.
"$python" -m venv --system-site-packages --without-pip "$environment" || exit 2
# Where the machine's Python is itself a virtual environment, the line above passes over it and its engines.
"$python" -c 'import site; print(*site.getsitepackages(), sep="\n")' \
    >"$("$environment/bin/python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/machine.pth" || exit 2
if ! "$python" -m pip --python "$environment/bin/python" install --no-index --find-links gpu/wheels --no-deps \
    --ignore-installed gpu/wheels/*.whl >"$out/install.log" 2>&1; then
    echo "The wheels could not be installed, as $out/install.log tells; run gpu/bundle.py for this Python and platform." >&2
    exit 2
fi

export KERAS_STYLES_DEVICE=${KERAS_STYLES_DEVICE:-gpu}
export KERAS_STYLES_RESULTS=$out
# jax would claim three quarters of the GPU's memory, and a process of the other suite may still hold its own.
export XLA_PYTHON_CLIENT_PREALLOCATE=false

status=0
step() { # NAME ENGINE ARGUMENT...
    local name="$1 on $2" log="$out/$1-$2.log" engine=$2 said
    shift 2
    # An interrupt, as from Ctrl-C: pytest then keeps what it has found so far. What does not end so is ended.
    KERAS_BACKEND=$engine timeout --signal=INT --kill-after=60 "$step_seconds" \
        "$environment/bin/python" -m pytest "$@" >"$log" 2>&1
    case $? in
        0) said="passed" ;;
        124 | 137) said="timed out after $step_seconds s" status=1 ;;
        *) said="failed" status=1 ;;
    esac
    echo "$name: $said ($log)"
}

for engine in "${engines[@]}"; do
    step synchronization "$engine" tests/test_synchronization.py
    step equivalence "$engine" equivalence/ "${equivalence_arguments[@]}"
    step bench "$engine" bench/ --ignore=bench/test_site.py --benchmark-save "${bench_arguments[@]}"
done
exit $status
