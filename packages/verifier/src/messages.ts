import { isObject } from './claims.ts';
import { createMethodTable, type MethodScopes } from './methods.ts';
import type { CatalogueTool } from './tools.ts';

/** Why a message is refused whatever the scopes of the token. */
export type MessageFault = 'invalid_message' | 'unknown_method' | 'unknown_tool';

/** What the messages in a body take together. */
export interface MessageDemands {
  /** The union of the scopes of every method and tool. */
  readonly scopes: readonly string[];
  /** The first fault; one refused message refuses the batch. */
  readonly fault: MessageFault | undefined;
}

export interface MessageRules {
  readonly tools: readonly CatalogueTool[];
  readonly methods: MethodScopes;
  /** Whether a tool that is not in the catalogue takes the scopes of the server only. */
  readonly allowUncatalogued: boolean;
}

/** Reads one JSON-RPC message or a batch (which revision 2025-03-26 allows). */
export function createMessageReader(rules: MessageRules): (body: unknown) => MessageDemands {
  const methods = createMethodTable(rules.methods);
  const catalogue = new Map(rules.tools.map((tool) => [tool.name, tool.scopes]));

  function demandsOf(message: unknown): readonly string[] | MessageFault {
    if (!isObject(message)) return 'invalid_message';
    const { method } = message as { readonly method?: unknown };
    if (method === undefined) return isResponse(message) ? [] : 'invalid_message';
    if (typeof method !== 'string') return 'invalid_message';
    const scopes = methods.get(method);
    if (scopes === undefined) return 'unknown_method';
    if (method !== 'tools/call') return scopes;
    const name = nameOf(message['params']);
    const ofTool = name === undefined ? undefined : catalogue.get(name);
    if (ofTool !== undefined) return [...scopes, ...ofTool];
    return rules.allowUncatalogued ? scopes : 'unknown_tool';
  }

  return (body) => {
    const messages: readonly unknown[] = Array.isArray(body) ? body : [body];
    const demands = messages.length === 0 ? (['invalid_message'] as const) : messages.map(demandsOf);
    const scopes = demands.flatMap((demand) => (typeof demand === 'string' ? [] : demand));
    const fault = demands.find((demand) => typeof demand === 'string');
    return { scopes: [...new Set(scopes)], fault };
  };
}

/** The client's response to a request of the server (sampling, elicitation, roots). */
function isResponse(message: Readonly<Record<string, unknown>>): boolean {
  return 'result' in message || 'error' in message;
}

function nameOf(params: unknown): string | undefined {
  const name = isObject(params) ? params['name'] : undefined;
  return typeof name === 'string' ? name : undefined;
}
