#!/usr/bin/env bash
# Trains the interaction network of the stability model on a machine with one GPU, longer and wider than a CPU affords, in one half hour.
# That machine needs python3 with torch, numpy, scikit-learn and safetensors, the tables (MATSMITH_DATA), and the source under src/.
#
#   there:  MATSMITH_DATA=DIR bash benchmarks/train_predictors_gpu.sh build/stability RESULTS
#   here:   cp RESULTS/stability.safetensors RESULTS/stability.md src/matsmith/models/predictors/weights/
#           MATSMITH_DATA=DIR python benchmarks/stability_order.py
#
# minute 0-1    a rehearsal on a part of the tables: whatever is wrong with the machine shows before the time is spent
# minute 1-9    trees of both views and both databases (CPU cores), then the network of width 128 for eight minutes
# minute 9-30   the same call again goes on from its checkpoint; repeat until it says that no step is left
# To rehearse on a CPU: DEVICE=cpu EPOCHS=1 MINUTES=0.1.
set -euo pipefail

work=${1:?folder for finished parts}
results=${2:?folder for weights and card}
data=${MATSMITH_DATA:?folder with the tables}
export PYTHONPATH="${PYTHONPATH:-src}" PYTHONUNBUFFERED=1
python=${PYTHON:-python3}
device=${DEVICE:-cuda}
mkdir -p "$work" "$results"

$python -m matsmith.models.predictors.stability.train --data "$data" --work "$work/rehearsal" --out "$work/rehearsal/stability.safetensors" \
  --limit 1500 --quick --epochs 1 --minutes 0.3 --device "$device"

$python -m matsmith.models.predictors.stability.train --data "$data" --work "$work" --out "$results/stability.safetensors" \
  --epochs "${EPOCHS:-120}" --width "${WIDTH:-128}" --minutes "${MINUTES:-8}" --device "$device" 2>&1 | tee -a "$results/stability.log"
