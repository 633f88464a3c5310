"""A tiny random Llama with a tokenizer and a chat template, and adapters for it: real files, loaded in no time."""

import json
from pathlib import Path

import torch
from peft import LoraConfig, get_peft_model
from tokenizers import AddedToken, Tokenizer, decoders, pre_tokenizers
from tokenizers.models import BPE
from transformers import LlamaConfig, LlamaForCausalLM

TEMPLATE = (
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
START, END = "<|im_start|>", "<|im_end|>"


def write_tiny_model(folder: Path, *, seed: int = 0, context_tokens: int = 512) -> Path:
    """A causal language model of two layers in hub format, its weights random but always the same for a seed."""
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer = _tokenizer()
    tokenizer.save(str(folder / "tokenizer.json"))
    end = tokenizer.token_to_id(END)
    config = LlamaConfig(
        vocab_size=tokenizer.get_vocab_size(),
        hidden_size=64,
        intermediate_size=128,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=context_tokens,
        initializer_range=0.2,
        tie_word_embeddings=False,
        bos_token_id=tokenizer.token_to_id(START),
        eos_token_id=end,
        pad_token_id=end,
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = LlamaForCausalLM(config)
    with torch.no_grad():  # a part of a character is never the best token, and neither is an early end
        for at in range(tokenizer.get_vocab_size()):
            if "\ufffd" in tokenizer.decode([at]):
                model.lm_head.weight[at] = 0
        model.lm_head.weight[end] = 0
    model.save_pretrained(str(folder))
    settings = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "chat_template": TEMPLATE,
        "bos_token": START,
        "eos_token": END,
        "pad_token": END,
        "model_max_length": context_tokens,
        "clean_up_tokenization_spaces": False,
    }
    (folder / "tokenizer_config.json").write_text(json.dumps(settings))
    return folder


def write_tiny_adapter(base: Path, folder: Path, *, seed: int = 1, strength: float = 0.5) -> Path:
    """A LoRA adapter in PEFT format for a tiny model. strength 0: it changes nothing."""
    model = LlamaForCausalLM.from_pretrained(str(base), dtype=torch.float32)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        config = LoraConfig(r=4, lora_alpha=8, target_modules=["q_proj", "v_proj", "down_proj"], task_type="CAUSAL_LM")
        tuned = get_peft_model(model, config)
        with torch.no_grad():
            for name, weight in tuned.named_parameters():
                if "lora_B" in name:
                    weight.normal_(std=0.1 * strength) if strength else weight.zero_()
    tuned.save_pretrained(str(folder))
    return folder


def _tokenizer() -> Tokenizer:
    """A token is a byte: every text has one reading only, so what was said is what is read back."""
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    tokenizer = Tokenizer(BPE(vocab={token: at for at, token in enumerate(alphabet)}, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens([AddedToken(token, special=True, normalized=False) for token in (START, END)])
    return tokenizer
