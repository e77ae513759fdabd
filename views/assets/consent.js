/**
 * Delays the buttons marked `data-delayed` until the page has been visible for a moment, so that the second click of a
 * double click on another page, which shows this one in its place, allows nothing (double-clickjacking). The time
 * begins again whenever the page becomes visible or its window gets the focus. Without this script the page works.
 *
 * The buttons are not `disabled`: they keep their place in the tab order, and are announced as unavailable.
 */
(() => {
  const DELAY_MS = 500;
  const buttons = document.querySelectorAll('button[data-delayed]');
  let timer;

  const enable = () => {
    for (const button of buttons) button.removeAttribute('aria-disabled');
  };
  const begin = () => {
    clearTimeout(timer);
    for (const button of buttons) button.setAttribute('aria-disabled', 'true');
    if (document.visibilityState === 'visible') timer = setTimeout(enable, DELAY_MS);
  };

  document.addEventListener('visibilitychange', begin);
  window.addEventListener('focus', begin);
  window.addEventListener('pageshow', begin);
  document.addEventListener('submit', (event) => {
    if (event.submitter?.getAttribute('aria-disabled') === 'true') event.preventDefault();
  });
  begin();
})();
