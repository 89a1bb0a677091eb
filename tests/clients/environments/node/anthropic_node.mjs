// Anthropic's client for Node.
import Anthropic from '@anthropic-ai/sdk';

import { CITY, PNG, RESULT } from './asking.mjs';

const ENDS = { end_turn: 'stop', tool_use: 'tools', max_tokens: 'length' };

export class Messages {
  constructor(home, key) {
    this.client = new Anthropic({ baseURL: home, apiKey: key, maxRetries: 0 });
  }

  fields(asked) {
    const source = { type: 'base64', media_type: 'image/png', data: PNG };
    const content = asked.image ? [{ type: 'image', source }, { type: 'text', text: asked.text }] : asked.text;
    const messages = [{ role: 'user', content }, ...(asked.before ?? [])];
    const fields = { model: asked.model, max_tokens: 2048, messages };
    if (asked.tool) fields.tools = [{ name: asked.tool, description: 'Does it', input_schema: CITY }];
    if (asked.schema) fields.output_config = { format: { type: 'json_schema', schema: CITY } };
    if (asked.thinking) fields.thinking = { type: 'enabled', budget_tokens: 1024 };
    return fields;
  }

  async ask(asked, stream) {
    const fields = this.fields(asked);
    const answer = stream
      ? await this.client.messages.stream(fields).finalMessage()
      : await this.client.messages.create(fields);
    const of = (type) => answer.content.filter((each) => each.type === type);
    const results = of('tool_use').map(({ id }) => ({ type: 'tool_result', tool_use_id: id, content: RESULT }));
    return {
      text: of('text').map((each) => each.text).join(''),
      thinking: of('thinking').map((each) => each.thinking).join(''),
      calls: of('tool_use').map((each) => [each.name, each.input]),
      finish: ENDS[answer.stop_reason] ?? answer.stop_reason,
      usage: [answer.usage.input_tokens, answer.usage.output_tokens],
      turn: results.length
        ? [{ role: 'assistant', content: answer.content }, { role: 'user', content: results }]
        : [],
    };
  }

  async *pieces(asked, signal) {
    const events = await this.client.messages.create({ ...this.fields(asked), stream: true }, { signal });
    for await (const event of events) if (event.type === 'content_block_delta') yield event;
  }

  async models() {
    const listed = [];
    for await (const each of this.client.models.list()) listed.push(each.id);
    return listed;
  }

  async count(model) {
    const messages = [{ role: 'user', content: 'hello there' }];
    return (await this.client.messages.countTokens({ model, messages })).input_tokens;
  }
}
