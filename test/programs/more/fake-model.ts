import { once } from 'node:events';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** A model on loopback, which does what it is told and nothing else. */
export interface FakeModel {
  readonly url: string;
  /** The names of all tools that it was offered with the last prompt that had any. */
  offered(): readonly string[];
  close(): Promise<void>;
}

interface Turn {
  /** What the newest prompt says that to call, as `CALL <tool> <JSON>`; `undefined` once it was called. */
  readonly call: { readonly tool: string; readonly input: unknown } | undefined;
  /** What it says: the result of the tool, where there is one. */
  readonly text: string;
}

interface Body {
  readonly stream?: boolean;
  readonly messages?: readonly { readonly role: string; readonly content: unknown }[];
  readonly tools?: readonly { readonly name?: string; readonly function?: { readonly name: string } }[];
}

/**
 * Starts a model that speaks as Anthropic (`/v1/messages`) and as OpenAI (`/chat/completions`) do. A prompt
 * `CALL <tool> <JSON>` makes it call that tool, and then say what the tool returned; to anything else it says OK.
 */
export async function startFakeModel(): Promise<FakeModel> {
  let offered: readonly string[] = [];
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const path = new URL(request.url ?? '/', 'http://model').pathname;
    const body: Body = JSON.parse(Buffer.concat(chunks).toString() || '{}');
    const names = (body.tools ?? []).map(({ name, function: of }) => name ?? of?.name ?? '');
    if (names.length > 0) offered = names;
    if (path.endsWith('/messages')) asAnthropic(response, body);
    else if (path.endsWith('/chat/completions')) asOpenAi(response, body);
    else response.writeHead(404, { 'content-type': 'application/json' }).end('{"input_tokens":1}');
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    offered: () => offered,
    async close() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

const CALL = /CALL (\S+) (\{.*?\})(?=["\s]|$)/;

function turnOf({ messages = [] }: Body): Turn {
  const last = messages.at(-1);
  const result = last && resultOf(last);
  if (result !== undefined) return { call: undefined, text: result };
  const said = messages.map(({ role, content }) => (role === 'user' ? textOf(content) : '')).join('\n');
  const [, tool, input] = CALL.exec(said) ?? [];
  return { call: tool && input ? { tool, input: JSON.parse(input) } : undefined, text: 'OK' };
}

/** What a tool returned, if that is what the newest message is. */
function resultOf({
  role,
  content,
}: {
  readonly role: string;
  readonly content: unknown;
}): string | undefined {
  if (role === 'tool') return textOf(content);
  if (!Array.isArray(content)) return undefined;
  const part = content.find((one: { type?: string }) => one.type === 'tool_result');
  return part && textOf(part.content);
}

function textOf(content: unknown): string {
  if (typeof content === 'string') return content;
  if (!Array.isArray(content)) return '';
  return content.map((part: { text?: string }) => part.text ?? '').join('\n');
}

function asAnthropic(response: ServerResponse, body: Body): void {
  const { call, text } = turnOf(body);
  const block = call
    ? { type: 'tool_use', id: `toolu_${Date.now()}`, name: call.tool, input: call.input }
    : { type: 'text', text };
  const reason = call ? 'tool_use' : 'end_turn';
  const usage = { input_tokens: 1, output_tokens: 1 };
  const message = { id: `msg_${Date.now()}`, type: 'message', role: 'assistant', model: 'fake', usage };
  if (!body.stream) {
    json(response, { ...message, content: [block], stop_reason: reason, stop_sequence: null });
    return;
  }
  const delta = call
    ? { type: 'input_json_delta', partial_json: JSON.stringify(call.input) }
    : { type: 'text_delta', text };
  const empty = call ? { ...block, input: {} } : { type: 'text', text: '' };
  events(response, [
    ['message_start', { message: { ...message, content: [], stop_reason: null, stop_sequence: null } }],
    ['content_block_start', { index: 0, content_block: empty }],
    ['content_block_delta', { index: 0, delta }],
    ['content_block_stop', { index: 0 }],
    ['message_delta', { delta: { stop_reason: reason, stop_sequence: null }, usage }],
    ['message_stop', {}],
  ]);
}

function asOpenAi(response: ServerResponse, body: Body): void {
  const { call, text } = turnOf(body);
  const named = call && {
    index: 0,
    id: `call_${Date.now()}`,
    type: 'function',
    function: { name: call.tool, arguments: JSON.stringify(call.input) },
  };
  const said = { role: 'assistant', ...(named ? { content: null, tool_calls: [named] } : { content: text }) };
  const reason = named ? 'tool_calls' : 'stop';
  const answer = { id: `chatcmpl-${Date.now()}`, created: 1, model: 'fake' };
  if (!body.stream) {
    const choices = [{ index: 0, message: said, finish_reason: reason }];
    json(response, { ...answer, object: 'chat.completion', choices });
    return;
  }
  const chunk = (delta: object, finish: string | null) =>
    `data: ${JSON.stringify({ ...answer, object: 'chat.completion.chunk', choices: [{ index: 0, delta, finish_reason: finish }] })}\n\n`;
  response.writeHead(200, { 'content-type': 'text/event-stream' });
  response.end(`${chunk(said, null)}${chunk({}, reason)}data: [DONE]\n\n`);
}

function json(response: ServerResponse, body: object): void {
  response.writeHead(200, { 'content-type': 'application/json' });
  response.end(JSON.stringify(body));
}

function events(response: ServerResponse, all: readonly (readonly [type: string, body: object])[]): void {
  response.writeHead(200, { 'content-type': 'text/event-stream' });
  response.end(
    all.map(([type, body]) => `event: ${type}\ndata: ${JSON.stringify({ type, ...body })}\n\n`).join(''),
  );
}
