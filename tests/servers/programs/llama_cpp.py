"""Serve a tiny random model with llama.cpp's server: `python llama_cpp.py PORT CONTEXT NAME [embeddings]`.

Runs in an environment that has `gguf` and `xllamacpp`, and imports nothing else of this project. The model has one
layer, 33,000 parameters and a token for each character. Its weights are random, but three dimensions of the hidden
state steer what comes next, so that answers end soon and forced tool calls begin soon.
"""

from __future__ import annotations

import sys
import tempfile
import time
from importlib import import_module
from pathlib import Path
from typing import Any

WIDTH, HIDDEN, HEADS = 32, 64, 2
TRAINED_CONTEXT = 32768

SPECIAL = ("<unk>", "<s>", "</s>", "<|im_start|>", "<|im_end|>", "<tool_call>")
BEGIN, END, CALL = (SPECIAL.index(token) for token in ("<s>", "<|im_end|>", "<tool_call>"))
BYTES = tuple(f"<0x{byte:02X}>" for byte in range(256))
CHARACTERS = tuple(chr(code) for code in range(32, 127))
TOKENS = (*SPECIAL, *BYTES, *CHARACTERS)
NEWLINE = TOKENS.index("<0x0A>")

ALWAYS, AFTER_NEWLINE, AFTER_BRACKET = range(3)
"""The dimensions that steer. The first is the same for all tokens: its weights are how likely a token is anywhere. The
generation prompt ends with a newline: no answer is empty, and half begin with a call. A call ends with `>`."""
ANYWHERE = {'"': 0.6, "}": 0.6, "]": 0.6, " ": 0.4, ",": 0.3, ".": 0.2}
UNLIKELY = -3.0


class Weights:
    """The tensors of the model, the same each time."""

    def __init__(self) -> None:
        self.numpy: Any = import_module("numpy")
        self._random = self.numpy.random.default_rng(7)

    def matrix(self, rows: int, columns: int) -> Any:
        return self._random.normal(0, 0.1, (rows, columns)).astype(self.numpy.float32)

    def ones(self) -> Any:
        return self.numpy.ones(WIDTH, self.numpy.float32)

    def steady(self, columns: int) -> Any:
        """Return a matrix that adds nothing to the dimensions that steer."""
        weights = self.matrix(WIDTH, columns)
        weights[: AFTER_BRACKET + 1] = 0.0
        return weights

    def embeddings(self) -> Any:
        weights = self.matrix(len(TOKENS), WIDTH)
        weights[:, : AFTER_BRACKET + 1] = (1.0, 0.0, 0.0)
        weights[NEWLINE, AFTER_NEWLINE] = 2.0
        weights[TOKENS.index(">"), AFTER_BRACKET] = 2.0
        return weights

    def output(self) -> Any:
        weights = self.matrix(len(TOKENS), WIDTH)
        weights[:, ALWAYS] = UNLIKELY
        for character in CHARACTERS:
            weights[TOKENS.index(character), ALWAYS] = ANYWHERE.get(character, 0.0)
        weights[END, :3] = (0.6, -4.0, 4.0)
        weights[CALL, :3] = (0.4, 0.7, -4.0)
        return weights

    def tensors(self) -> dict[str, Any]:
        layer = {
            **{f"attn_{name}": self.matrix(WIDTH, WIDTH) for name in "qkv"},
            "attn_output": self.steady(WIDTH),
            "ffn_gate": self.matrix(HIDDEN, WIDTH),
            "ffn_up": self.matrix(HIDDEN, WIDTH),
            "ffn_down": self.steady(HIDDEN),
            "attn_norm": self.ones(),
            "ffn_norm": self.ones(),
        }
        whole = {"token_embd": self.embeddings(), "output": self.output(), "output_norm": self.ones()}
        return whole | {f"blk.0.{name}": weights for name, weights in layer.items()}


def write_vocabulary(writer: Any, gguf: Any) -> None:
    kind = gguf.TokenType
    kinds = [kind.UNKNOWN, *[kind.CONTROL] * (len(SPECIAL) - 2), kind.USER_DEFINED]
    kinds += [kind.BYTE] * len(BYTES) + [kind.NORMAL] * len(CHARACTERS)
    writer.add_vocab_size(len(TOKENS))
    writer.add_tokenizer_model("llama")
    writer.add_token_list(TOKENS)
    writer.add_token_scores([0.0] * len(TOKENS))
    writer.add_token_types(kinds)
    writer.add_bos_token_id(BEGIN)
    writer.add_eos_token_id(END)
    writer.add_unk_token_id(0)
    writer.add_add_bos_token(False)
    writer.add_add_space_prefix(False)
    writer.add_chat_template(Path(__file__).with_name("chat.jinja").read_text(encoding="utf-8"))


def write_model(path: Path) -> None:
    """Write a model of the llama architecture."""
    gguf: Any = import_module("gguf")
    writer = gguf.GGUFWriter(str(path), "llama")
    writer.add_name("tiny random")
    writer.add_context_length(TRAINED_CONTEXT)
    writer.add_embedding_length(WIDTH)
    writer.add_block_count(1)
    writer.add_feed_forward_length(HIDDEN)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(HEADS)
    writer.add_rope_dimension_count(WIDTH // HEADS)
    writer.add_layer_norm_rms_eps(1e-5)
    write_vocabulary(writer, gguf)
    for name, weights in Weights().tensors().items():
        writer.add_tensor(f"{name}.weight", weights)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def main(port: int, context: int, name: str, *modes: str) -> None:
    """Serve until the process is ended."""
    llama: Any = import_module("xllamacpp")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "tiny.gguf"
        write_model(path)
        params = llama.CommonParams()
        params.model.path = str(path)
        params.model_alias = {name}
        params.hostnames, params.port = ["127.0.0.1"], port
        params.n_ctx, params.n_parallel = context, 1
        params.cpuparams.n_threads = params.cpuparams_batch.n_threads = 1
        params.warmup = False
        if "embeddings" in modes:
            params.embedding = True
            params.pooling_type = llama.llama_pooling_type.LLAMA_POOLING_TYPE_MEAN
        server = llama.Server(params)
        print(server.listening_address, flush=True)
        while True:
            time.sleep(3600)


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), *sys.argv[3:])
