"""The messages of the Gemini API, as data.

Source: google-genai 3.4.0, `google/genai/types.py` and the conversions to the Gemini Developer API in `models.py`;
https://ai.google.dev/api/generate-content and https://ai.google.dev/api/caching#Schema.
"""

from __future__ import annotations

from understudy.emulator.examiners.gemini_wire import Enum, Fields, Kind, Message, Messages, Repeated, Scalar, Table

_STRING = Scalar("STRING")
_BYTES = Scalar("BYTES")
_INT = Scalar("INT32")
_FLOAT = Scalar("FLOAT")
_BOOL = Scalar("BOOL")
_STRUCT = Scalar("STRUCT")
_VALUE = Scalar("VALUE")


def _enum(name: str, *words: str) -> Enum:
    return Enum(name, frozenset(words))


_TYPE = _enum("Type", "TYPE_UNSPECIFIED", "STRING", "NUMBER", "INTEGER", "BOOLEAN", "ARRAY", "OBJECT", "NULL")
_MODE = _enum("FunctionCallingConfig.Mode", "MODE_UNSPECIFIED", "AUTO", "ANY", "NONE", "VALIDATED")
_LEVEL = _enum(
    "ThinkingConfig.ThinkingLevel", "THINKING_LEVEL_UNSPECIFIED", "MINIMAL", "LOW", "MEDIUM", "HIGH", "XHIGH"
)
_TASK = _enum(
    "TaskType",
    "TASK_TYPE_UNSPECIFIED",
    "RETRIEVAL_QUERY",
    "RETRIEVAL_DOCUMENT",
    "SEMANTIC_SIMILARITY",
    "CLASSIFICATION",
    "CLUSTERING",
    "QUESTION_ANSWERING",
    "FACT_VERIFICATION",
    "CODE_RETRIEVAL_QUERY",
)
_CATEGORY = _enum(
    "HarmCategory",
    "HARM_CATEGORY_UNSPECIFIED",
    *(
        f"HARM_CATEGORY_{name}"
        for name in ("HARASSMENT", "HATE_SPEECH", "SEXUALLY_EXPLICIT", "DANGEROUS_CONTENT", "CIVIC_INTEGRITY")
    ),
)
_THRESHOLD = _enum(
    "SafetySetting.HarmBlockThreshold",
    "HARM_BLOCK_THRESHOLD_UNSPECIFIED",
    "BLOCK_LOW_AND_ABOVE",
    "BLOCK_MEDIUM_AND_ABOVE",
    "BLOCK_ONLY_HIGH",
    "BLOCK_NONE",
    "OFF",
)
_RESOLUTION = _enum(
    "MediaResolution",
    *(f"MEDIA_RESOLUTION_{name}" for name in ("UNSPECIFIED", "LOW", "MEDIUM", "HIGH", "ULTRA_HIGH")),
)
_MODALITY = _enum("GenerationConfig.Modality", "MODALITY_UNSPECIFIED", "TEXT", "IMAGE", "AUDIO", "VIDEO")
_TIER = _enum("ServiceTier", "SERVICE_TIER_UNSPECIFIED", "STANDARD", "FLEX", "PRIORITY")

DATA = (
    "text",
    "inlineData",
    "fileData",
    "functionCall",
    "functionResponse",
    "executableCode",
    "codeExecutionResult",
    "toolCall",
    "toolResponse",
)
"""The fields of a part of which exactly one is set."""
_PART: dict[str, Kind] = {
    "text": _STRING,
    "inlineData": Message("Blob"),
    "fileData": Message("FileData"),
    "functionCall": Message("FunctionCall"),
    "functionResponse": Message("FunctionResponse"),
    **dict.fromkeys(("executableCode", "codeExecutionResult", "toolCall", "toolResponse"), _STRUCT),
    "thought": _BOOL,
    "thoughtSignature": _BYTES,
    **dict.fromkeys(
        (
            "videoMetadata",
            "mediaResolution",
            "partMetadata",
            "audioTranscription",
            "mediaProcessing",
            "speechMetadata",
            "documentMetadata",
            "spreadsheetMetadata",
            "audioMetadata",
        ),
        _STRUCT,
    ),
}
_SCHEMA: dict[str, Kind] = {
    "type": _TYPE,
    **dict.fromkeys(("format", "title", "description", "pattern"), _STRING),
    "nullable": _BOOL,
    **dict.fromkeys(("enum", "required", "propertyOrdering"), Repeated(_STRING)),
    **dict.fromkeys(("minItems", "maxItems", "minLength", "maxLength", "minProperties", "maxProperties"), _INT),
    **dict.fromkeys(("minimum", "maximum"), _FLOAT),
    **dict.fromkeys(("example", "default"), _VALUE),
    "properties": Table(Message("Schema")),
    "items": Message("Schema"),
    "anyOf": Repeated(Message("Schema")),
}
_CONFIG: dict[str, Kind] = {
    **dict.fromkeys(("candidateCount", "maxOutputTokens", "seed", "logprobs"), _INT),
    **dict.fromkeys(("temperature", "topP", "topK", "presencePenalty", "frequencyPenalty"), _FLOAT),
    "stopSequences": Repeated(_STRING),
    **dict.fromkeys(("responseLogprobs", "enableEnhancedCivicAnswers"), _BOOL),
    "responseMimeType": _STRING,
    "responseSchema": Message("Schema"),
    "responseJsonSchema": _VALUE,
    "responseFormat": _VALUE,
    "responseModalities": Repeated(_MODALITY),
    "thinkingConfig": Message("ThinkingConfig"),
    "mediaResolution": _RESOLUTION,
    **dict.fromkeys(("speechConfig", "imageConfig", "translationConfig", "audioTranscriptionConfig"), _STRUCT),
}
_EMBED: dict[str, Kind] = {
    "model": _STRING,
    "content": Message("Content"),
    "taskType": _TASK,
    "title": _STRING,
    "outputDimensionality": _INT,
}

MESSAGES: Messages = {
    "GenerateContentRequest": Fields(
        {
            **dict.fromkeys(("model", "cachedContent", "continuationToken"), _STRING),
            "contents": Repeated(Message("Content")),
            "systemInstruction": Message("Content"),
            "tools": Repeated(Message("Tool")),
            "toolConfig": Message("ToolConfig"),
            "safetySettings": Repeated(Message("SafetySetting")),
            "generationConfig": Message("GenerationConfig"),
            "serviceTier": _TIER,
            "store": _BOOL,
            "labels": Table(_STRING),
        }
    ),
    "CountTokensRequest": Fields(
        {
            "model": _STRING,
            "contents": Repeated(Message("Content")),
            "generateContentRequest": Message("GenerateContentRequest"),
        }
    ),
    "EmbedContentRequest": Fields(_EMBED),
    "BatchEmbedContentsRequest": Fields({"model": _STRING, "requests": Repeated(Message("EmbedContentRequest"))}),
    "Content": Fields({"role": _STRING, "parts": Repeated(Message("Part"))}),
    "Part": Fields(_PART, frozenset(DATA)),
    "Blob": Fields({"mimeType": _STRING, "data": _BYTES}),
    "FileData": Fields({"mimeType": _STRING, "fileUri": _STRING}),
    "FunctionCall": Fields({"id": _STRING, "name": _STRING, "args": _STRUCT}),
    "FunctionResponse": Fields(
        {
            "id": _STRING,
            "name": _STRING,
            "response": _STRUCT,
            "parts": Repeated(Message("FunctionResponsePart")),
            "willContinue": _BOOL,
            "scheduling": _enum(
                "FunctionResponse.Scheduling", "SCHEDULING_UNSPECIFIED", "SILENT", "WHEN_IDLE", "INTERRUPT"
            ),
        }
    ),
    "FunctionResponsePart": Fields({"inlineData": Message("FunctionResponseBlob"), "fileData": Message("FileData")}),
    "FunctionResponseBlob": Fields({"mimeType": _STRING, "data": _BYTES, "displayName": _STRING}),
    "Tool": Fields(
        {
            "functionDeclarations": Repeated(Message("FunctionDeclaration")),
            **dict.fromkeys(
                (
                    "googleSearch",
                    "googleSearchRetrieval",
                    "codeExecution",
                    "urlContext",
                    "fileSearch",
                    "googleMaps",
                    "computerUse",
                ),
                _STRUCT,
            ),
            "mcpServers": _VALUE,
        }
    ),
    "FunctionDeclaration": Fields(
        {
            "name": _STRING,
            "description": _STRING,
            **dict.fromkeys(("parameters", "response"), Message("Schema")),
            **dict.fromkeys(("parametersJsonSchema", "responseJsonSchema"), _VALUE),
            "behavior": _enum("FunctionDeclaration.Behavior", "UNSPECIFIED", "BLOCKING", "NON_BLOCKING"),
        }
    ),
    "Schema": Fields(_SCHEMA),
    "ToolConfig": Fields(
        {
            "functionCallingConfig": Message("FunctionCallingConfig"),
            "retrievalConfig": _STRUCT,
            "includeServerSideToolInvocations": _BOOL,
        }
    ),
    "FunctionCallingConfig": Fields({"mode": _MODE, "allowedFunctionNames": Repeated(_STRING)}),
    "SafetySetting": Fields({"category": _CATEGORY, "threshold": _THRESHOLD}),
    "GenerationConfig": Fields(_CONFIG),
    "ThinkingConfig": Fields({"includeThoughts": _BOOL, "thinkingBudget": _INT, "thinkingLevel": _LEVEL}),
}
