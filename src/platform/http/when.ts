import type { When } from './pages.ts';

const UNITS = [
  ['year', 31_536_000],
  ['month', 2_592_000],
  ['day', 86_400],
  ['hour', 3_600],
  ['minute', 60],
] as const;

/** Made by the first page that needs them: reading the calendar takes a twentieth of a start. */
let formats: ReturnType<typeof makeFormats> | undefined;

function makeFormats() {
  return {
    dates: new Intl.DateTimeFormat('en-GB', { dateStyle: 'long', timeStyle: 'short', timeZone: 'UTC' }),
    relative: new Intl.RelativeTimeFormat('en-GB', { numeric: 'auto' }),
  };
}

/** A moment in the words of a page: "in 14 days", with the date for whoever wants it exactly. */
export function describeWhen(date: Date, now: Date): When {
  formats ??= makeFormats();
  const { dates, relative } = formats;
  const seconds = (date.getTime() - now.getTime()) / 1000;
  const [unit, size] = UNITS.find(([, length]) => Math.abs(seconds) >= length) ?? [undefined, 1];
  return {
    iso: date.toISOString(),
    date: `${dates.format(date)} UTC`,
    words: unit === undefined ? 'just now' : relative.format(Math.round(seconds / size), unit),
  };
}
