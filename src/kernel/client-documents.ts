/**
 * The metadata documents of well-known clients, which the catalogue lets in by a rule and the doctor replays.
 * A segment `*` stands for a name that differs from one connection to the next, `*!codex` for any but that one.
 */
export const CLIENT_DOCUMENTS = {
  claude: 'https://claude.ai/oauth/mcp-oauth-client-metadata',
  claudeCode: 'https://claude.ai/oauth/claude-code-client-metadata',
  chatgpt: 'https://chatgpt.com/oauth/client.json',
  chatgptConnector: 'https://chatgpt.com/oauth/*!codex/client.json',
  codex: 'https://chatgpt.com/oauth/codex/client.json',
  codexConnection: 'https://chatgpt.com/oauth/codex/*/client.json',
  vscode: 'https://vscode.dev/oauth/client-metadata.json',
  cursor: 'https://cursor.com/oauth/mcp-client.json',
  zed: 'https://zed.dev/oauth/client-metadata.json',
} as const;
