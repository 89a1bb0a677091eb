// OpenAI's client for Node at both of its APIs.
import OpenAI from 'openai';

import { CITY, PNG, RESULT } from './asking.mjs';

const ENDS = { stop: 'stop', tool_calls: 'tools', length: 'length' };

class Both {
  constructor(home, key) {
    this.client = new OpenAI({ baseURL: `${home}/v1`, apiKey: key, maxRetries: 0 });
  }

  async embed(model, input) {
    return (await this.client.embeddings.create({ model, input })).data.map((each) => each.embedding);
  }

  async models() {
    const listed = [];
    for await (const each of this.client.models.list()) listed.push(each.id);
    return listed;
  }
}

export class Chat extends Both {
  fields(asked) {
    const url = `data:image/png;base64,${PNG}`;
    const content = asked.image
      ? [{ type: 'text', text: asked.text }, { type: 'image_url', image_url: { url } }]
      : asked.text;
    const fields = { model: asked.model, messages: [{ role: 'user', content }, ...(asked.before ?? [])] };
    if (asked.tool) {
      fields.tools = [{ type: 'function', function: { name: asked.tool, parameters: CITY, strict: true } }];
    }
    if (asked.schema) {
      fields.response_format = { type: 'json_schema', json_schema: { name: 'place', schema: CITY, strict: true } };
    }
    if (asked.thinking) fields.reasoning_effort = 'low';
    return fields;
  }

  async ask(asked, stream) {
    const fields = this.fields(asked);
    const answer = stream
      ? await this.client.chat.completions
          .stream({ ...fields, stream_options: { include_usage: true } })
          .finalChatCompletion()
      : await this.client.chat.completions.create(fields);
    const { message, finish_reason } = answer.choices[0];
    const calls = message.tool_calls ?? [];
    const results = calls.map((each) => ({ role: 'tool', tool_call_id: each.id, content: RESULT }));
    return {
      text: message.content ?? '',
      thinking: message.reasoning_content ?? message.reasoning ?? '',
      calls: calls.map((each) => [each.function.name, JSON.parse(each.function.arguments)]),
      finish: ENDS[finish_reason] ?? finish_reason,
      usage: [answer.usage.prompt_tokens, answer.usage.completion_tokens],
      turn: calls.length ? [message, ...results] : [],
    };
  }

  async *pieces(asked, signal) {
    yield* await this.client.chat.completions.create({ ...this.fields(asked), stream: true }, { signal });
  }
}

export class Responses extends Both {
  fields(asked) {
    const image_url = `data:image/png;base64,${PNG}`;
    const content = asked.image
      ? [{ type: 'input_text', text: asked.text }, { type: 'input_image', image_url, detail: 'auto' }]
      : asked.text;
    const fields = { model: asked.model, input: [{ role: 'user', content }, ...(asked.before ?? [])], store: false };
    if (asked.tool) fields.tools = [{ type: 'function', name: asked.tool, parameters: CITY, strict: true }];
    if (asked.schema) {
      fields.text = { format: { type: 'json_schema', name: 'place', schema: CITY, strict: true } };
    }
    if (asked.thinking) {
      fields.reasoning = { effort: 'low', summary: 'auto' };
      fields.include = ['reasoning.encrypted_content'];
    }
    return fields;
  }

  async ask(asked, stream) {
    const fields = this.fields(asked);
    const answer = stream
      ? await this.client.responses.stream(fields).finalResponse()
      : await this.client.responses.create(fields);
    const calls = answer.output.filter((each) => each.type === 'function_call');
    const results = calls.map(({ call_id }) => ({ type: 'function_call_output', call_id, output: RESULT }));
    const thoughts = answer.output.filter((each) => each.type === 'reasoning').flatMap((each) => each.summary);
    return {
      text: answer.output_text,
      thinking: thoughts.map((each) => each.text).join(''),
      calls: calls.map((each) => [each.name, JSON.parse(each.arguments)]),
      finish: answer.status === 'completed' ? (calls.length ? 'tools' : 'stop') : answer.status,
      usage: [answer.usage.input_tokens, answer.usage.output_tokens],
      turn: calls.length ? [...answer.output.map(({ parsed_arguments, ...item }) => item), ...results] : [],
    };
  }

  async *pieces(asked, signal) {
    const events = await this.client.responses.create({ ...this.fields(asked), stream: true }, { signal });
    for await (const event of events) if (event.type === 'response.output_text.delta') yield event;
  }

  async count(model) {
    return (await this.client.responses.inputTokens.count({ model, input: 'hello there' })).input_tokens;
  }
}
