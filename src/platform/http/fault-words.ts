import type { Fault } from './fault.ts';
import type { ErrorWords } from './pages.ts';

const BY_STATUS: Readonly<Record<number, ErrorWords>> = {
  401: {
    title: 'Sign in first',
    explanation: 'This page is only for people who are signed in.',
    advice: 'Sign in, and open it again.',
  },
  403: {
    title: 'This form is no longer valid',
    explanation:
      'It was made for another session of this browser, or it did not come from our page. Nothing was changed.',
    advice: 'Go back, load the page again and repeat what you did.',
  },
  404: {
    title: 'Page not found',
    explanation: 'There is nothing at this address. The link may be old, or it was typed wrongly.',
    advice: 'Check the address, or start again from the program that sent you here.',
  },
  405: {
    title: 'This address works differently',
    explanation:
      'It exists, but it cannot be used in this way. The program that sent you here is probably at fault.',
    advice: 'Go back and start again from there.',
  },
  409: {
    title: 'This exists already',
    explanation: 'Somebody, perhaps you in another window, has done this before.',
    advice: 'Go back and load the page again to see how things stand.',
  },
  421: {
    title: 'Wrong address',
    explanation: 'This server does not answer under the name that was used to reach it.',
    advice: 'Use the address that your administrator gave you.',
  },
  429: {
    title: 'Too many attempts',
    explanation:
      'There were many attempts in a short time, so we are taking a break. Your account is not locked.',
    advice: 'Wait a few minutes and try again.',
  },
  500: {
    title: 'Something went wrong',
    explanation: 'The fault is ours, not yours. Nothing was granted to anybody by it.',
    advice: 'Try again. If it happens again, give your administrator the request id below.',
  },
  503: {
    title: 'Not available at the moment',
    explanation:
      'A part of this service cannot be reached. Nothing was granted to anybody and nothing was lost.',
    advice: 'Wait a few seconds and load the page again.',
  },
};

const REFUSED: ErrorWords = {
  title: 'This request cannot be accepted',
  explanation:
    'Something in it is missing, wrong or too large. The program that sent you here is probably at fault.',
  advice: 'Go back and start again from there.',
};

/** The sentences of the error page: those that came with the fault, else what its status says. */
export function wordsFor({ status, words }: Pick<Fault, 'status' | 'words'>): ErrorWords {
  return words ?? BY_STATUS[status] ?? REFUSED;
}
