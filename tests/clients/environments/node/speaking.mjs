// What runs in the environment of a client of Node's: it reads a question a line, and writes what the client
// understood. node speaking.mjs '{"chat": "openai_node.mjs:Chat"}'
import { createInterface } from 'node:readline';

const faces = JSON.parse(process.argv[2]);
const VECTORS = ['the first', 'a second', 'the first'];

async function outcomeOf(client, { operation, stream, asked }) {
  if (operation === 'cancel') return { left: await interrupted(client, asked) };
  if (operation === 'embed') return { vectors: await client.embed(asked.model, VECTORS) };
  if (operation === 'models') return { models: await client.models() };
  if (operation === 'count') return { count: await client.count(asked.model) };
  const { turn = [], ...seen } = await client.ask(asked, stream);
  let end = seen.text;
  if (asked.tool && turn.length) end = (await client.ask({ ...asked, before: turn }, stream)).text;
  return { thinking: '', calls: [], usage: [0, 0], ...seen, end };
}

async function interrupted(client, asked) {
  const controller = new AbortController();
  let begun = false;
  try {
    for await (const _ of client.pieces(asked, controller.signal)) {
      begun = true;
      // The reader waits for the next piece by then.
      setTimeout(() => controller.abort(), 1);
    }
  } catch (error) {
    if (!controller.signal.aborted) throw error;
  }
  return begun && controller.signal.aborted;
}

function raised(error) {
  const names = [];
  for (let each = error; each; each = each.cause ?? each.lastError) {
    for (let kind = each.constructor; kind?.name; kind = Object.getPrototypeOf(kind)) names.push(kind.name);
  }
  return { error: [...new Set(names), String(error?.message).slice(0, 500)], status: error?.status ?? error?.statusCode };
}

for await (const line of createInterface({ input: process.stdin })) {
  const question = JSON.parse(line);
  const [module, name] = faces[question.face].split(':');
  let outcome;
  try {
    const kind = (await import(`./${module}`))[name];
    outcome = await outcomeOf(new kind(question.home, question.key), question);
  } catch (error) {
    outcome = raised(error);
  }
  process.stdout.write(`${JSON.stringify(outcome)}\n`);
}
