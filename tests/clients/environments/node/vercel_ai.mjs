// Vercel's AI SDK with the providers of four APIs. It performs the calls of tools, and sends their results, by itself.
import { createAnthropic } from '@ai-sdk/anthropic';
import { createGoogleGenerativeAI } from '@ai-sdk/google';
import { createOpenAI } from '@ai-sdk/openai';
import { embedMany, generateText, Output, stepCountIs, streamText, tool } from 'ai';
import { z } from 'zod';

import { PNG, RESULT } from './asking.mjs';

const ENDS = { stop: 'stop', 'tool-calls': 'tools', length: 'length' };

class Vercel {
  fields(asked) {
    const content = [{ type: 'text', text: asked.text }];
    if (asked.image) content.push({ type: 'image', image: PNG, mediaType: 'image/png' });
    const fields = { model: this.model(asked.model), messages: [{ role: 'user', content }], maxRetries: 0 };
    if (asked.tool) {
      const inputSchema = z.object({ city: z.string() });
      fields.tools = { [asked.tool]: tool({ description: 'Does it', inputSchema, execute: async () => RESULT }) };
      fields.stopWhen = stepCountIs(3);
    }
    if (asked.schema) fields.output = Output.object({ schema: z.object({ city: z.string() }) });
    if (asked.thinking) fields.providerOptions = this.thinking();
    return fields;
  }

  async ask(asked, stream) {
    let failed;
    const fields = this.fields(asked);
    const result = stream ? streamText({ ...fields, onError: ({ error }) => (failed = error) }) : await generateText(fields);
    try {
      await result.text;
    } catch (error) {
      throw failed ?? error;
    }
    if (failed) throw failed;
    const steps = await result.steps;
    const usage = await result.totalUsage;
    return {
      text: asked.schema ? JSON.stringify(await result.output) : await result.text,
      thinking: steps[0].reasoningText ?? '',
      calls: steps[0].toolCalls.map((each) => [each.toolName, each.input]),
      finish: ENDS[await result.finishReason] ?? (await result.finishReason),
      usage: [usage.inputTokens, usage.outputTokens],
    };
  }

  async *pieces(asked, abortSignal) {
    yield* streamText({ ...this.fields(asked), abortSignal }).textStream;
  }

  async embed(model, values) {
    return (await embedMany({ model: this.vectors(model), values, maxRetries: 0 })).embeddings;
  }
}

export class Chat extends Vercel {
  constructor(home, key) {
    super();
    this.provider = createOpenAI({ baseURL: `${home}/v1`, apiKey: key });
  }

  model(name) {
    return this.provider.chat(name);
  }

  vectors(name) {
    return this.provider.textEmbeddingModel(name);
  }
}

export class Responses extends Chat {
  model(name) {
    return this.provider.responses(name);
  }

  thinking() {
    return { openai: { reasoningEffort: 'low', reasoningSummary: 'auto', forceReasoning: true } };
  }
}

export class Messages extends Vercel {
  constructor(home, key) {
    super();
    this.provider = createAnthropic({ baseURL: `${home}/v1`, apiKey: key });
  }

  model(name) {
    return this.provider(name);
  }

  thinking() {
    return { anthropic: { thinking: { type: 'enabled', budgetTokens: 1024 } } };
  }
}

export class Gemini extends Vercel {
  constructor(home, key) {
    super();
    this.provider = createGoogleGenerativeAI({ baseURL: `${home}/v1beta`, apiKey: key });
  }

  model(name) {
    return this.provider(name);
  }

  thinking() {
    return { google: { thinkingConfig: { includeThoughts: true, thinkingBudget: 1024 } } };
  }

  vectors(name) {
    return this.provider.textEmbeddingModel(name);
  }
}
