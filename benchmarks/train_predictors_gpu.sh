#!/usr/bin/env bash
# Trains the networks of the predictors on a machine with one GPU, longer and wider than a CPU affords, in one half hour: the five networks over
# elements that are stacked with the composition models' trees, and the interaction network of the stability model.
# That machine needs python3 with torch, numpy, scikit-learn and safetensors, the tables (MATSMITH_DATA), and the source under src/.
#
#   there:  MATSMITH_DATA=DIR bash benchmarks/train_predictors_gpu.sh build/networks RESULTS
#   here:   cp RESULTS/stability.safetensors RESULTS/stability.md RESULTS/networks.safetensors src/matsmith/models/predictors/weights/
#           python -m matsmith.models.predictors.train --data DIR --restack              # weights of the stack, intervals, cards
#           python -m matsmith.models.predictors.explanation_data --data DIR
#           MATSMITH_DATA=DIR python benchmarks/predictors.py
#           MATSMITH_DATA=DIR python benchmarks/stability_order.py
#
# minute 0-1    a rehearsal on a part of the tables: whatever is wrong with the machine shows before the time is spent
# minute 1-16   five networks over elements, three minutes each at most
# minute 16-25  trees of both views of stability (CPU cores), then its network of width 128 for eight minutes
# minute 25-30  the same call again goes on from its checkpoints; repeat until it says that no step is left
# To rehearse on a CPU: DEVICE=cpu EPOCHS=1 NETWORK_EPOCHS=1 MINUTES=0.1.
set -euo pipefail

work=${1:?folder for finished parts}
results=${2:?folder for weights and card}
data=${MATSMITH_DATA:?folder with the tables}
export PYTHONPATH="${PYTHONPATH:-src}" PYTHONUNBUFFERED=1
python=${PYTHON:-python3}
device=${DEVICE:-cuda}
mkdir -p "$work" "$results"

$python -m matsmith.models.predictors.neural_training --data "$data" --work "$work/rehearsal" --out "$work/rehearsal/networks.safetensors" \
  --limit 1500 --epochs 1 --device "$device"
$python -m matsmith.models.predictors.stability.train --data "$data" --work "$work/rehearsal" --out "$work/rehearsal/stability.safetensors" \
  --limit 1500 --quick --epochs 1 --minutes 0.3 --device "$device"

$python -m matsmith.models.predictors.neural_training --data "$data" --work "$work" --out "$results/networks.safetensors" \
  --epochs "${NETWORK_EPOCHS:-80}" --others 20000 --width "${NETWORK_WIDTH:-128}" --minutes "${MINUTES:-3}" --device "$device" \
  2>&1 | tee -a "$results/networks.log"
$python -m matsmith.models.predictors.stability.train --data "$data" --work "$work" --out "$results/stability.safetensors" \
  --epochs "${EPOCHS:-120}" --width "${WIDTH:-128}" --minutes "${MINUTES:-8}" --device "$device" 2>&1 | tee -a "$results/stability.log"
