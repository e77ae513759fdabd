/** What somebody gave us for an image is none that we show; `detail` says why, in snake_case, for the trail. */
export class ImageRefused extends Error {
  override readonly name = 'ImageRefused';
  readonly detail: string;

  constructor(detail: string) {
    super('this image cannot be used');
    this.detail = detail;
  }
}
