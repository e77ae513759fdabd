/**
 * The clients that are replayed. A table: a new client, or a new habit of an old one, is a change here
 * and nowhere else.
 *
 *     habits.ts               what clients have in common
 *     claude.ts, openai.ts …  what each does otherwise, and where that was seen
 *
 * What is not known of a client is written as the lenient value, so that no client is said to stop where
 * nobody has seen it stop; the checks of the server itself judge by the standards.
 */

import type { ClientShape } from '../shape.ts';

import { CLAUDE, CLAUDE_CODE } from './claude.ts';
import { CURSOR, OPENCODE, VSCODE, ZED } from './editors.ts';
import { CHATGPT, CODEX } from './openai.ts';
import { APP_WITH_SDK_V1, APP_WITH_SDK_V2 } from './sdks.ts';
import { GEMINI_CLI, INSPECTOR, LM_STUDIO, MCP_REMOTE } from './tools.ts';

export const SHAPES: readonly ClientShape[] = [
  CLAUDE,
  CLAUDE_CODE,
  CHATGPT,
  CODEX,
  VSCODE,
  CURSOR,
  INSPECTOR,
  MCP_REMOTE,
  GEMINI_CLI,
  ZED,
  OPENCODE,
  LM_STUDIO,
  APP_WITH_SDK_V1,
  APP_WITH_SDK_V2,
];
