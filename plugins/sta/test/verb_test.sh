#!/bin/sh
# fvattn-sta tune and show on results written by hand. usage: verb_test.sh FVATTN_STA
set -eu
sta=$1
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
fail() { echo "verb_test: $1" >&2; exit 1; }

mkdir results
cat > results/mask_search_x.json <<'END'
{"L2_loss": {"[1, 1, 1]": [[[9, 9]], [[1, 3]]], "[1, 3, 1]": [[[9, 9]], [[2, 2]]]}}
END
"$sta" tune --results results --full 2,3,3 --skip 1 --out out > tuned.txt
grep -qx 'Overall sparsity: 0.4444' tuned.txt || fail "sparsity: $(cat tuned.txt)"
grep -qx 'Strategy \[2, 3, 3\]: 2 heads (50.00%)' tuned.txt || fail "usage: $(cat tuned.txt)"
"$sta" show out/mask_strategy_s1.json --tiles 2,3,3 --png windows.png --json > shown.json
tr -d ' \n' < shown.json | grep -q '"steps":2,"layers":1,"heads":2,"missing":0' || fail "show: $(cat shown.json)"
[ "$(head -c 4 windows.png | tail -c 3)" = PNG ] || fail "no PNG"

status=0
echo '{"0_0_0": [1, 2]}' > bad.json
"$sta" show bad.json 2> trouble.txt || status=$?
[ $status = 1 ] && grep -q 'bad.json, line 1, key "0_0_0"' trouble.txt || fail "bad file: $status $(cat trouble.txt)"
status=0
"$sta" show out/mask_strategy_s1.json --tiles 2,x 2> trouble.txt || status=$?
[ $status = 2 ] || fail "bad option: $status"
status=0
"$sta" seek 2> trouble.txt || status=$?
[ $status = 2 ] || fail "unknown verb: $status"
