#!/bin/sh
# Grade a folder in a container without a network:
#     sh container.sh submitted results --jobs 2
# Whatever follows the two folders goes to grade.py. Podman is used if it is there,
# else Docker (best in its rootless mode).
set -eu
if [ $# -lt 2 ]; then
    echo "usage: sh container.sh SUBMITTED RESULTS [options of grade.py]" >&2
    exit 2
fi
submitted=$(cd "$1" && pwd)
mkdir -p "$2"
results=$(cd "$2" && pwd)
shift 2
here=$(cd "$(dirname "$0")" && pwd)
tool=$(command -v podman || command -v docker) || {
    echo "Neither podman nor docker was found." >&2
    exit 2
}
"$tool" build --quiet --tag disrec-grade --file "$here/Dockerfile" "$here/../.."
exec "$tool" run --rm --init --network none --read-only \
    --tmpfs /tmp:exec,mode=1777,size=2g \
    --memory "${GRADE_MEMORY:-10g}" --pids-limit 1024 \
    --security-opt no-new-privileges --cap-drop ALL --cap-add SETUID --cap-add SETGID \
    --cap-add KILL --cap-add CHOWN --cap-add FOWNER --cap-add DAC_OVERRIDE \
    --volume "$submitted:/private/submitted:ro" \
    --volume "$results:/private/results" \
    disrec-grade "$@"
