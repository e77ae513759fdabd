/** How much of a window is used up. */
export interface Usage {
  readonly consumed: number;
  /** Milliseconds until the window ends. */
  readonly msLeft: number;
}

/** Counts within fixed windows: the first count of a key opens its window, and nothing makes it longer. */
export interface Counter {
  add(key: string, points: number): Promise<Usage>;
  /** `undefined` when nothing was counted in a window that is still open. */
  get(key: string): Promise<Usage | undefined>;
  delete(key: string): Promise<void>;
}
