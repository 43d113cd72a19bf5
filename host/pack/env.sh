# Source this on the machine that dist/ was carried to: . dist/env.sh
# It puts fvattn on PATH and finds LibTorch through the python3 that has torch.
fvattn_dist="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
fvattn_torch="$(python3 -c 'import importlib.util as u; print(u.find_spec("torch").submodule_search_locations[0])' 2>/dev/null)" ||
  echo "env.sh: this python3 has no torch; run, denoise, verify, bench, plot and the layers need it" >&2
export PATH="$fvattn_dist/bin:$PATH"
libraries="$fvattn_dist/lib"
for folder in ${fvattn_torch:+"$fvattn_torch"/lib "$fvattn_torch"/../nvidia/*/lib}; do # the wheel's CUDA libraries, too
  [ -d "$folder" ] && libraries="$libraries:$folder"
done
export LD_LIBRARY_PATH="$libraries${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}"
export PYTHONPATH="$fvattn_dist/lib/fvattn/python${PYTHONPATH:+:$PYTHONPATH}" # import fvattn
unset fvattn_torch folder libraries
