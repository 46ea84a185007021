# Three runs; the oldest becomes a baseline, and what is old is pruned.
example=$(realpath docs/examples/decimal-comma.yaml)
cd "$(mktemp -d)" || exit
for _ in 1 2 3; do pipequake run "$example" > run.log; sleep 1; done
run=results/$(ls results | head -1)
echo "\$ pipequake baseline release-7 $run"
pipequake baseline release-7 "$run"
echo '$ pipequake baseline'
pipequake baseline
echo '$ pipequake history prune --keep 1 --yes'
pipequake history prune --keep 1 --yes
