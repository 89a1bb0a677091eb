"""Phrases as servers write them, in the order in which they are read: the first that matches counts."""

from __future__ import annotations

import re

from understudy.dialects.classification import sources as s
from understudy.dialects.classification.rows import Row, words
from understudy.domain.failures import FailureKind

_K = FailureKind

_VAGUE = (200, 400, 403, 422)
"""Statuses that mean little by themselves; 200 is an error in the middle of a stream."""
_MONEY = (*_VAGUE, 401, 402, 429)
_KEY = (*_VAGUE, 401)
_SIZE = (*_VAGUE, 413, 500, 503)
_FILTER = (*_VAGUE, 500)
_MODEL = (200, 400, 422)
_ABILITY = (*_VAGUE, 404, 500, 501)
_DAILY = (200, 403, 429)
_LOAD = (200, 429, 500, 502, 503, 529)
_RATE = (200, 400, 403, 503)

_ACCOUNTS = r"(?:organi[sz]ation|account|project|workspace|team|subscription|consumer)"
_GONE = r"(?:disabled|deactivated|suspended|terminated|archived|deleted|banned|blocked|restricted|locked|denied access)"

_BILLING: tuple[Row, ...] = (
    *words(_K.BILLING, s.ANTHROPIC_USERS, _MONEY, r"credit balance is too low"),
    *words(_K.BILLING, s.ANTHROPIC, _MONEY, r"reached your specified (?:workspace )?api usage limits"),
    *words(_K.BILLING, s.OPENAI, _MONEY, r"exceeded your current quota, please check your plan"),
    *words(_K.BILLING, s.OPENAI_USERS, _MONEY, r"check your billing details"),
    *words(_K.BILLING, s.REPLICATE, _MONEY, r"insufficient (?:account )?credits?\b"),
    *words(_K.BILLING, s.DEEPSEEK, _MONEY, r"insufficient (?:account )?(?:balance|funds|quota)"),
    *words(
        _K.BILLING,
        s.HUGGINGFACE_USERS,
        _MONEY,
        r"(?:used all|depleted|run out of|out of) "
        r"(?:(?:your|available|remaining|monthly|included|prepaid) ){0,3}credits",
        r"monthly included credits",
    ),
    *words(
        _K.BILLING, s.GOOGLE_BILLING, _MONEY, r"credits? (?:are|is|have been|has been) (?:depleted|exhausted|used up)"
    ),
    *words(_K.BILLING, s.GOOGLE_BILLING, _MONEY, r"exceeded its (?:monthly )?spending cap"),
    *words(_K.BILLING, s.GOOGLE, _MONEY, r"requires billing to be enabled"),
    *words(_K.BILLING, s.GOOGLE, _MONEY, r"billing (?:is |has been )?(?:not active|not enabled|disabled)"),
    *words(_K.BILLING, s.OPENROUTER, _MONEY, r"requires more credits", r"key limit exceeded"),
    *words(_K.BILLING, s.XAI, _MONEY, r"monthly spending limit"),
    *words(
        _K.BILLING,
        s.GROQ_SPEND,
        _MONEY,
        r"spend(?:ing)? (?:limit|alert)(?: threshold)? (?:was|is|has been)? ?(?:reached|exceeded|met)",
    ),
    *words(_K.BILLING, s.LITELLM, _MONEY, r"budget has been exceeded", r"exceededbudget"),
    *words(_K.BILLING, s.DASHSCOPE, _MONEY, r"account is in good standing"),
)

_ACCOUNT: tuple[Row, ...] = (
    *words(_K.AUTHENTICATION, s.OPENAI, _KEY, r"(?:invalid|incorrect|expired|revoked|unknown) (?:x-)?api[ -]?key"),
    *words(
        _K.AUTHENTICATION,
        s.GOOGLE,
        _KEY,
        r"api[ -]?key (?:is |was |has |has been )?(?:not valid|not found|invalid|expired|revoked|disabled|blocked)",
        r"reported as leaked",
        r"unregistered callers",
    ),
    *words(_K.AUTHENTICATION, s.VLLM, _KEY, r"^unauthorized\.?$"),
    *words(_K.AUTHENTICATION, s.LITELLM, _KEY, r"no connected db"),
    *words(
        _K.AUTHENTICATION,
        s.COHERE,
        _KEY,
        r"invalid (?:(?:proxy server|api|access|bearer|authentication) )?token(?: passed| provided|[.:]|$)",
    ),
    *words(
        _K.AUTHENTICATION,
        s.ANTHROPIC_USERS,
        _KEY,
        rf"{_ACCOUNTS}(?: \S+){{0,3}}? (?:has been|have been|is|was) "
        rf"(?:(?:currently|temporarily|permanently) )?{_GONE}",
    ),
    # For its policy on content, but whatever the request is about: the words of a filter follow.
    *words(_K.AUTHENTICATION, s.AZURE_USERS, _KEY, r"resource has been (?:temporarily |permanently )?blocked"),
)

_ACCESS: tuple[Row, ...] = (
    *words(_K.PERMISSION, s.GOOGLE, _KEY, r"location is not supported"),
    *words(_K.PERMISSION, s.OPENAI, _KEY, r"country, region,? or territory"),
    *words(_K.PERMISSION, s.OPENAI_USERS, _KEY, r"insufficient permissions"),
    *words(_K.PERMISSION, s.XAI, _KEY, r"not available in your (?:country|region)"),
    *words(_K.PERMISSION, s.GROQ_USERS, _KEY, r"requires terms acceptance"),
    *words(_K.PERMISSION, s.LITELLM, _KEY, r"not allowed to access model"),
)

_LENGTH: tuple[Row, ...] = (
    *words(_K.CONTEXT_LENGTH, s.LITELLM, _SIZE, r"contextwindowexceedederror"),
    # Also vLLM, SGLang, Mistral, OpenRouter.
    *words(_K.CONTEXT_LENGTH, s.OPENAI, _SIZE, r"maximum context length"),
    *words(_K.CONTEXT_LENGTH, s.XAI, _SIZE, r"maximum (?:prompt|input|model|sequence) length"),
    # In the middle of an answer; also MiniMax.
    *words(_K.CONTEXT_LENGTH, s.LLAMA_CPP, _SIZE, r"context[ _](?:length|window|size|limit)(?: \w+){0,2} exceed"),
    *words(
        _K.CONTEXT_LENGTH,
        s.LLAMA_CPP,
        _SIZE,
        r"exceed(?:s|ed)?(?: [\w'`.,()-]+){0,5}? (?:context|token) (?:length|window|size|limit)",
    ),
    *words(_K.CONTEXT_LENGTH, s.ANTHROPIC, _SIZE, r"(?:prompt|input|conversation)(?: \w+)? (?:is|are) too long"),
    *words(_K.CONTEXT_LENGTH, s.COHERE, _SIZE, r"too many (?:input |prompt )?tokens(?! per)"),
    *words(_K.CONTEXT_LENGTH, s.OPENAI_USERS, _SIZE, r"(?:input|prompt) (?:token count|tokens)\b[^.]{0,60}? exceed"),
    *words(_K.CONTEXT_LENGTH, s.GOOGLE, _SIZE, r"exceeds the maximum number of tokens"),
    *words(_K.CONTEXT_LENGTH, s.GITHUB, _SIZE, r"token count of \d+ exceeds the limit"),
    *words(
        _K.CONTEXT_LENGTH,
        s.SGLANG,
        _SIZE,
        r"(?:greater|longer|larger) than the (?:model's |maximum )?(?:context|model) length",
    ),
    *words(_K.CONTEXT_LENGTH, s.LM_STUDIO, _SIZE, r"context length (?:of|is) only", r"reached context length of"),
    *words(
        _K.CONTEXT_LENGTH,
        s.GROQ,
        _SIZE,
        r"reduce the length of (?:the |your )?(?:messages|prompt|input|completion|conversation)",
    ),
    *words(_K.CONTEXT_LENGTH, s.TGI, _SIZE, r"must have less than \d+ tokens", r"max_new_tokens`? must be <="),
    *words(_K.CONTEXT_LENGTH, s.LLAMA_CPP, _SIZE, r"too large to process\. increase the physical batch size"),
    *words(_K.CONTEXT_LENGTH, s.ZAI, _SIZE, r"prompt exceeds max(?:imum)? length"),
    *words(_K.CONTEXT_LENGTH, s.DASHSCOPE, _SIZE, r"range of input length should be"),
)

_CONTENT: tuple[Row, ...] = (
    *words(_K.CONTENT_FILTER, s.LITELLM, _FILTER, r"contentpolicyviolationerror"),
    *words(_K.CONTENT_FILTER, s.AZURE_FILTER, _FILTER, r"content management policy"),
    *words(_K.CONTENT_FILTER, s.ANTHROPIC_USERS, _FILTER, r"content filter(?:ing)? policy"),
    *words(
        _K.CONTENT_FILTER,
        s.XAI,
        _FILTER,
        r"violat\w+(?: \S+){0,3}? (?:usage|content|safety) (?:policy|policies|guidelines)",
    ),
    *words(
        _K.CONTENT_FILTER,
        s.OPENROUTER,
        _FILTER,
        r"(?:input|prompt|request|message)s? (?:was|were|has been) (?:flagged|blocked)",
    ),
    *words(_K.CONTENT_FILTER, s.DASHSCOPE, _FILTER, r"contains? inappropriate content"),
    *words(_K.CONTENT_FILTER, s.DEEPSEEK, _FILTER, r"content exists risk"),
)

_MISSING: tuple[Row, ...] = (
    *words(_K.NOT_FOUND, s.LITELLM, _MODEL, r"invalid model name passed"),
    *words(_K.NOT_FOUND, s.MISTRAL, _MODEL, r"(?:^|: )invalid model(?: id(?:entifier)?)?\b"),
    *words(_K.NOT_FOUND, s.OPENROUTER, _MODEL, r"not a valid model", r"no endpoints found for"),
    *words(_K.NOT_FOUND, s.BEDROCK, _MODEL, r"model identifier is invalid"),
    *words(
        _K.NOT_FOUND,
        s.DEEPSEEK,
        _MODEL,
        r"\bmodels?:? [`'\"]?[\w./:@-]{0,200}[`'\"]? ?(?:does not exist|not exist|(?:is |was )?not found)",
    ),
    *words(_K.NOT_FOUND, s.LM_STUDIO, _MODEL, r"no models? (?:is |are )?loaded"),
    *words(_K.NOT_FOUND, s.TOGETHER_USERS, _MODEL, r"unable to access (?:non-serverless )?model"),
    *words(_K.NOT_FOUND, s.HUGGINGFACE_USERS, _MODEL, r"not supported by (?:any )?provider"),
)

_LACKING: tuple[Row, ...] = (
    *words(
        _K.UNSUPPORTED,
        s.OLLAMA_SERVER,
        _ABILITY,
        r"(?:does not|doesn't) support (?:tools?\b|tool[ _](?:use|calling|choice)|function[ -]calling|images?\b|vision"
        r"|audio|thinking|chat\b|embeddings?\b|stream(?:ing)?\b)",
    ),
    *words(_K.UNSUPPORTED, s.LITELLM, _ABILITY, r"(?:does not|doesn't) support parameters: "),
    *words(_K.UNSUPPORTED, s.LLAMA_CPP, _ABILITY, r"(?:image|audio|video) inputs? (?:is|are) not supported"),
    # For organisations that are not verified.
    *words(_K.UNSUPPORTED, s.OPENAI_USERS, _ABILITY, r"(?:must be verified to|cannot) stream"),
    *words(_K.UNSUPPORTED, s.OPENAI_USERS, _ABILITY, r"stream(?:ing)? is not supported"),
    # A model for embeddings asked for an answer, or the reverse: no reason to keep either from those who ask rightly.
    *words(_K.UNSUPPORTED, s.OPENAI_USERS, _ABILITY, r"not allowed to (?:generate embeddings|sample) from this model"),
    *words(_K.UNSUPPORTED, s.VLLM, _ABILITY, r"requires `?--enable-auto-tool-choice"),
    *words(_K.UNSUPPORTED, s.LLAMA_CPP, _ABILITY, r"requires `?--jinja"),
    *words(_K.UNSUPPORTED, s.OPENROUTER, _ABILITY, r"no endpoints found that support"),
)

_LIMITS: tuple[Row, ...] = (
    *words(_K.DAILY_QUOTA, s.OPENROUTER, _DAILY, r"free-models-per-day"),
    *words(_K.DAILY_QUOTA, s.CLOUDFLARE, _DAILY, r"daily (?:request |token |usage )?(?:limit|quota|free allocation)"),
    *words(_K.DAILY_QUOTA, s.GITHUB, _DAILY, r"by ?model ?by ?day"),
    *words(_K.OVERLOADED, s.OPENAI, _LOAD, r"\boverloaded\b"),
    *words(_K.OVERLOADED, s.AZURE, _LOAD, r"high demand", r"temporarily unable to process your request"),
    *words(
        _K.OVERLOADED,
        s.HUGGINGFACE_USERS,
        _LOAD,
        r"(?:loading model|model is (?:currently |still )?loading|currently loading)",
    ),
    *words(_K.OVERLOADED, s.OLLAMA_SERVER, _LOAD, r"server (?:is )?busy"),
    *words(_K.OVERLOADED, s.MISTRAL, _LOAD, r"capacity exceeded|at capacity|over capacity"),
    *words(_K.RATE_LIMITED, s.OPENAI, _RATE, r"rate limit (?:was |is |has been )?(?:reached|exceeded)"),
    *words(_K.RATE_LIMITED, s.HUGGINGFACE_USERS, _RATE, r"too many requests"),
    *words(_K.RATE_LIMITED, s.REPLICATE, _RATE, r"request was throttled"),
)

WORDS: tuple[Row, ...] = (
    *_BILLING,
    *_ACCOUNT,
    *_ACCESS,
    *_LENGTH,
    *_CONTENT,
    *_MISSING,
    *_LACKING,
    *_LIMITS,
)
"""Phrases with the statuses at which they count."""


_QUOTED = re.compile(
    r"(?<!\w)(?<!message['\"]: )(?<!error['\"]: )(?<!detail['\"]: )(?<!message['\"]:)(?<!error['\"]:)(?<!detail['\"]:)"
    r"(?:\"[^\"]{1,4000}\"|'[^']{1,4000}'|`[^`]{1,4000}`)(?!\w)"
)
_LONGEST = 4000
"""Characters of a message that are searched."""


def normalize(message: str) -> str:
    """Return a message in lower case, without quotations: an echoed prompt means nothing for the error.

    Names (`gpt-4o`, 'messages[0].role') stay; only quotations of four words and more are dropped.
    """
    return _QUOTED.sub(lambda found: found[0] if found[0].count(" ") < 3 else "…", message[:_LONGEST].lower())
