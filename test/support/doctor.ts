import { withStoreFacts } from '../../src/cli/doctor-store.ts';
import { loadConfig } from '../../src/config/load.ts';
import { type ExaminationRequest, examine, type Report } from '../../src/doctor/index.ts';

import type { TestServer } from './server.ts';

/** Examines a server from outside, with nothing but its address. */
export function examineFromOutside(
  issuer: string,
  more: Omit<ExaminationRequest, 'issuer'> = {},
): Promise<Report> {
  return examine({ issuer, ...more });
}

/** Examines it beside its store, as the command does. */
export function examineBeside(
  { issuer, environment }: TestServer,
  more: Omit<ExaminationRequest, 'issuer' | 'store'> = {},
): Promise<Report> {
  return withStoreFacts(loadConfig(environment), issuer, (store, without) => {
    if (!store) throw new Error(without);
    return examine({ issuer, ...more, store });
  });
}

/** What is said of a check that is not well, with what to do about it. */
export function complaints({ checks }: Report, level = 'problem'): readonly string[] {
  return checks
    .filter((finding) => finding.level === level)
    .map(({ check, says, remedy }) => `${check}: ${says} ${remedy ?? ''}`.trim());
}

/** What a client stops at; `undefined` while it does not. */
export function stopOf({ clients }: Report, id: string): string | undefined {
  const diagnosis = clients.find(({ client }) => client === id);
  if (!diagnosis) throw new Error(`${id} was not replayed`);
  const step = diagnosis.steps.find(({ level }) => level === 'problem');
  return step && `${step.stage}: ${step.says} ${step.remedy ?? ''}`.trim();
}
