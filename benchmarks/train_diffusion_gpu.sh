#!/usr/bin/env bash
# Trains the diffusion model on Perov-5 and predicts structures on a machine with one GPU, in calls of at most ten minutes.
# That machine needs python3 with torch, numpy and safetensors; pymatgen is needed only where the table is built and the samples scored.
#
#   here:    matsmith data crystals perov_5_val.csv.gz --out .gpu/perov5.npz                       (1 min)
#   there:   bash benchmarks/train_diffusion_gpu.sh compare .gpu/perov5.npz build/diffusion RESULTS                 (about 9 min)
#            bash benchmarks/train_diffusion_gpu.sh final   .gpu/perov5.npz build/diffusion RESULTS [OPTIONS]       (about 9 min)
#            bash benchmarks/train_diffusion_gpu.sh flow    .gpu/perov5.npz build/diffusion RESULTS [OPTIONS]       (about 9 min)
#   here:    python benchmarks/perov5.py --data .gpu/perov5.npz --samples RESULTS/*.npz --split validation           (compare)
#            python benchmarks/perov5.py --data .gpu/perov5.npz --samples RESULTS/*.npz                               (final, flow)
#
# compare: four short trainings that differ in one option each; their samples are of the validation split, which alone may choose.
# final:   one long training with the OPTIONS chosen, then the test split: free and given the heat of formation, at several settings.
# flow:    the same time and OPTIONS with flow matching and 100 Euler steps, the ablation.
# The run folder (build/diffusion) holds checkpoints for --resume while the machine lasts; RESULTS gets what is worth carrying home, each file
# under 16 MB. To rehearse it on a CPU: DEVICE=cpu MINUTES=0.02 BATCH=16 FIRST=1.
set -euo pipefail

phase=${1:?compare, final or flow}
data=${2:?table of crystals}
run=${3:?folder for checkpoints}
results=${4:?folder for weights, curves and samples}
shift 4

export PYTHONPATH="${PYTHONPATH:-src}" PYTHONUNBUFFERED=1
python=${PYTHON:-python3}
heat=formation_energy_ev_per_atom
batch=${BATCH:-512}
device=${DEVICE:-cuda}
first=${FIRST:-0}
mkdir -p "$run" "$results"

train() { # name minutes options...
  local name=$1 minutes=$2
  shift 2
  $python -m matsmith.models.diffusion.training_command --data "$data" --out "$run/$name" --minutes "$minutes" --device "$device" \
    --batch "$batch" --generation-share 0 --conditions $heat --log-every 200 "$@" >"$results/$name.log" 2>&1 ||
    { tail -n 20 "$results/$name.log"; return 1; }
  tail -n 3 "$results/$name.log"
  cp "$run/$name/weights.safetensors" "$results/$name.safetensors"
  cp "$run/$name/loss.csv" "$results/$name.csv"
}

predict() { # name split samples_name options...
  local name=$1 split=$2 samples=$3
  shift 3
  $python -m matsmith.models.diffusion.prediction --weights "$run/$name/weights.safetensors" --data "$data" --split "$split" \
    --per-crystal 20 --first "$first" --device "$device" --out "$results/$samples.npz" "$@" | tail -n 2
}

# A few steps first: whatever is wrong with the machine shows within a minute, before the time is spent.
rm -rf "$run/check"
$python -m matsmith.models.diffusion.training_command --data "$data" --out "$run/check" --minutes 1 --steps 20 --device "$device" --batch 64 \
  --conditions $heat --log-every 10
$python -m matsmith.models.diffusion.prediction --weights "$run/check/weights.safetensors" --data "$data" --first 4 --per-crystal 2 \
  --steps 5 --device "$device" --out "$run/check/samples.npz"

minutes=${MINUTES:-}
case $phase in
compare) # 4 trainings of 1.7 minutes; at most 4 weights files and 4 sample files travel, so curves and logs are packed
  for option in plain turn-axes decay small; do
    case $option in
    plain) options=() ;;
    turn-axes) options=(--turn-axes) ;;
    decay) options=(--weight-decay 0.1) ;;
    small) options=(--width 128 --layers 4) ;;
    esac
    rm -rf "$run/compare-$option"
    train "compare-$option" "${minutes:-1.7}" ${options[@]+"${options[@]}"}
    predict "compare-$option" validation "validation-$option"
  done
  rm -f "$results"/compare-*.safetensors
  ;;
final)
  [ -d "$run/final" ] && set -- --resume "$@"
  train final "${minutes:-7.0}" "$@"
  predict final test test-free
  predict final test test-free-sharp --sharpness 3 --corrector-size 0.03
  predict final test test-free-250 --steps 250
  predict final test test-free-fast --corrector-steps 0
  predict final test test-heat --conditions $heat
  predict final test test-heat-guided --conditions $heat --guidance 2
  ;;
flow)
  rm -rf "$run/flow"
  train flow "${minutes:-7.0}" --process flow "$@"
  predict flow test test-flow --steps 100
  predict flow test test-flow-heat --conditions $heat
  ;;
*)
  echo "The phase is compare, final or flow, not $phase." >&2
  exit 2
  ;;
esac

tar -czf "$results/$phase-logs.tar.gz" -C "$results" $(cd "$results" && ls | grep -E '\.(csv|log)$')
rm -f "$results"/*.csv "$results"/*.log
nvidia-smi --query-gpu=name,memory.used --format=csv,noheader || true
ls -l "$results"
