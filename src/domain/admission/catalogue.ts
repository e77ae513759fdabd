import { CLIENT_DOCUMENTS } from '../../kernel/client-documents.ts';
import { GATEHOUSE } from '../../kernel/command-line.ts';
import type { AuthMethod } from '../clients/index.ts';

/** What makes a client of the catalogue known here. */
export type CatalogueEntry = {
  /** What an administrator types. */
  readonly name: string;
  /** What people call it. */
  readonly title: string;
  readonly maker: string;
} & (
  | {
      readonly by: 'document';
      /** Patterns of its metadata documents, as `parsePattern` reads them. */
      readonly documents: readonly string[];
      /** Redirect URIs that it uses and its document does not have. */
      readonly redirectUris?: readonly string[];
      readonly advice?: string;
    }
  | {
      readonly by: 'preregistration';
      readonly redirectUris: readonly string[];
      readonly authMethod: AuthMethod;
      /** Patterns of the metadata documents that some versions of it present. */
      readonly documents?: readonly string[];
      /** Where a person types the client_id, `{client_id}` standing for it. */
      readonly advice: string;
    }
  | {
      readonly by: 'dynamic registration';
      /** What an administrator can do. */
      readonly advice: string;
    }
);

/**
 * The well-known MCP clients, each as an administrator can switch it on by name. What is said here of a client is what
 * its maker publishes, or what it was seen to send; it lets nobody in by itself.
 *
 * A document is listed where the client presents one; otherwise a client that takes a client_id is
 * registered in advance, if its redirects are always the same; and the rest can only register themselves.
 * A client of which some versions present a document and others take a client_id has both.
 */
export const CATALOGUE: readonly CatalogueEntry[] = [
  {
    name: 'claude',
    title: 'Claude (claude.ai, Desktop, mobile)',
    maker: 'Anthropic',
    by: 'document',
    documents: [CLIENT_DOCUMENTS.claude],
    advice:
      'It calls from the network of its maker: no filter before this server may ask it for a challenge.',
  },
  {
    name: 'claude-code',
    title: 'Claude Code',
    maker: 'Anthropic',
    by: 'document',
    documents: [CLIENT_DOCUMENTS.claudeCode],
  },
  {
    name: 'chatgpt',
    title: 'ChatGPT',
    maker: 'OpenAI',
    by: 'document',
    // One for all connectors where the server names itself in its answers (RFC 9207), as this one does; and the
    // ones of single connectors, which were made before that or behind something that takes the name away. Codex
    // is a client of its own.
    documents: [CLIENT_DOCUMENTS.chatgpt, CLIENT_DOCUMENTS.chatgptConnector],
    advice: 'It authenticates with a key of its own (private_key_jwt), which is fetched from chatgpt.com.',
  },
  {
    name: 'codex',
    title: 'Codex',
    maker: 'OpenAI',
    by: 'document',
    // The same: one for all MCP servers, and one for each.
    documents: [CLIENT_DOCUMENTS.codex, CLIENT_DOCUMENTS.codexConnection],
  },
  {
    name: 'vscode',
    title: 'Visual Studio Code',
    maker: 'Microsoft',
    by: 'document',
    documents: [CLIENT_DOCUMENTS.vscode, 'https://insiders.vscode.dev/oauth/client-metadata.json'],
  },
  {
    name: 'copilot-cli',
    title: 'GitHub Copilot CLI',
    maker: 'GitHub',
    by: 'document',
    documents: ['https://github.com/copilot/cli/client-metadata.json'],
  },
  {
    name: 'opencode',
    title: 'opencode',
    maker: 'Anomaly',
    by: 'preregistration',
    authMethod: 'none',
    // The ones of its document of September 2026 lack the path.
    redirectUris: ['http://127.0.0.1/mcp/oauth/callback'],
    // 1.18.33 presents none.
    documents: ['https://opencode.ai/oauth/opencode/client.json'],
    advice:
      'In opencode.json, beside the url of the server: "oauth": {"clientId": "{client_id}"}. Then: opencode mcp auth NAME',
  },
  {
    name: 'zed',
    title: 'Zed',
    maker: 'Zed Industries',
    by: 'document',
    documents: [CLIENT_DOCUMENTS.zed],
  },
  {
    name: 'goose',
    title: 'goose',
    maker: 'Block',
    by: 'document',
    documents: ['https://goose-docs.ai/oauth/client-metadata.json'],
  },
  {
    name: 'cursor',
    title: 'Cursor',
    maker: 'Anysphere',
    by: 'document',
    documents: [CLIENT_DOCUMENTS.cursor],
    // Versions that register themselves send these, also when they are told who they are.
    redirectUris: [
      'cursor://anysphere.cursor-mcp/oauth/callback',
      'https://www.cursor.com/agents/mcp/oauth/callback',
      'http://localhost:8787/callback',
    ],
    advice:
      'A version that registers itself instead is told who it is in mcp.json, beside the url of the server: "auth": {"CLIENT_ID": "https://cursor.com/oauth/mcp-client.json"}',
  },
  {
    name: 'inspector',
    title: 'MCP Inspector',
    maker: 'Model Context Protocol',
    by: 'preregistration',
    authMethod: 'none',
    // Version 2 comes back to the address that its page is open at; its command line to another port of it.
    redirectUris: [
      'http://localhost:6274/oauth/callback',
      'http://127.0.0.1:6274/oauth/callback',
      'http://localhost:6274/oauth/callback/debug',
    ],
    advice:
      'In its server settings, under OAuth, as the client ID; on the command line --client-id: {client_id}',
  },
  {
    name: 'gemini-cli',
    title: 'Gemini CLI',
    maker: 'Google',
    by: 'preregistration',
    authMethod: 'none',
    redirectUris: ['http://localhost:7777/oauth/callback'],
    advice: 'In settings.json, at the server: "oauth": {"enabled": true, "clientId": "{client_id}"}',
  },
  {
    name: 'mcp-remote',
    title: 'mcp-remote',
    maker: 'Glen Maddern and others',
    by: 'preregistration',
    authMethod: 'none',
    redirectUris: ['http://localhost:3334/oauth/callback', 'http://127.0.0.1:3334/oauth/callback'],
    advice: `As an option: --static-oauth-client-info '{"client_id":"{client_id}"}'`,
  },
  {
    name: 'n8n-cloud',
    title: 'n8n Cloud',
    maker: 'n8n',
    by: 'preregistration',
    authMethod: 'client_secret_basic',
    redirectUris: ['https://oauth.n8n.cloud/oauth2/callback'],
    advice: 'In the OAuth2 credential: the client ID {client_id} and the secret',
  },
  {
    name: 'lm-studio',
    title: 'LM Studio',
    maker: 'Element Labs',
    by: 'dynamic registration',
    advice: `It takes no client_id and has no metadata document. Connect it through mcp-remote (${GATEHOUSE} client catalogue enable mcp-remote). Outside production GATEHOUSE_DYNAMIC_REGISTRATION=open lets it register itself as untrusted`,
  },
];

/** The entry of that name. */
export function catalogueEntry(name: string): CatalogueEntry | undefined {
  return CATALOGUE.find((entry) => entry.name === name);
}

/** Redirect URIs that a client uses beside those of its document, if an entry of the catalogue let it in. */
export function addedRedirectUris(catalogue: string | null): readonly string[] {
  const entry = catalogue === null ? undefined : catalogueEntry(catalogue);
  return entry && documentsOf(entry).length > 0 && 'redirectUris' in entry ? (entry.redirectUris ?? []) : [];
}

/** Patterns of the metadata documents of an entry, none for a client that presents none. */
export function documentsOf(entry: CatalogueEntry): readonly string[] {
  return 'documents' in entry ? (entry.documents ?? []) : [];
}
