/**
 * Passkeys on our pages. Without this script, or without WebAuthn, a page works as it stands.
 *
 * An element with `data-passkey="sign-in"` or `"register"`, `data-options-url` and `data-verify-url`
 * is shown with its button. Both URLs take JSON by POST with the page's csrf token in `X-CSRF-Token`:
 * the first `{}` and answers the WebAuthn options, the second `{ response, name? }` and answers
 * `{ location }`, where the browser goes next.
 */
(() => {
  const { SimpleWebAuthnBrowser: webauthn } = window;
  const box = document.querySelector('[data-passkey]');
  if (!box || !webauthn?.browserSupportsWebAuthn()) return;

  const { passkey: ceremony, optionsUrl, verifyUrl } = box.dataset;
  const button = box.querySelector('button');
  const message = box.querySelector('.error');
  const input = (name) => document.querySelector(`input[name="${name}"]`)?.value ?? '';

  const REFUSED = {
    401: 'This passkey was not accepted. Try again, or sign in another way.',
    403: 'This page is no longer valid. Load it again.',
    409: 'This passkey is registered already.',
    429: 'There were too many attempts. Wait a few minutes.',
  };

  class Refused extends Error {}

  const post = async (url, body) => {
    const response = await fetch(url, {
      method: 'POST',
      headers: {
        Accept: 'application/json',
        'Content-Type': 'application/json',
        'X-CSRF-Token': input('csrf'),
      },
      body: JSON.stringify(body),
    });
    if (!response.ok) {
      await response.body?.cancel();
      throw new Refused(REFUSED[response.status] ?? 'That did not work. Load the page again.');
    }
    return response.json();
  };

  const finish = async (response) => {
    const name = ceremony === 'register' ? input('name') : '';
    const { location } = await post(verifyUrl, name === '' ? { response } : { response, name });
    const next = new URL(location, window.location.href);
    if (next.origin === window.location.origin) window.location.assign(next);
  };

  const words = (error) => {
    if (error instanceof Refused) return error.message;
    if (error.code === 'ERROR_AUTHENTICATOR_PREVIOUSLY_REGISTERED') return REFUSED[409];
    if (error.name === 'NotAllowedError' || error.name === 'AbortError') {
      return 'No passkey was used. Try again, or choose another way.';
    }
    return 'That did not work on this device. Choose another way.';
  };

  const show = (text) => {
    message.textContent = text;
    message.hidden = text === '';
  };

  button.addEventListener('click', async () => {
    if (button.getAttribute('aria-busy') === 'true') return;
    button.setAttribute('aria-busy', 'true');
    show('');
    try {
      const optionsJSON = await post(optionsUrl, {});
      await finish(
        ceremony === 'register'
          ? await webauthn.startRegistration({ optionsJSON })
          : await webauthn.startAuthentication({ optionsJSON }),
      );
    } catch (error) {
      show(words(error));
    } finally {
      button.removeAttribute('aria-busy');
    }
  });
  box.hidden = false;

  // Passkeys among the suggestions of the e-mail field. It waits in silence, and a click on the button ends it.
  const suggest = async () => {
    if (ceremony !== 'sign-in' || !(await webauthn.browserSupportsWebAuthnAutofill())) return;
    const optionsJSON = await post(optionsUrl, {});
    const response = await webauthn.startAuthentication({ optionsJSON, useBrowserAutofill: true });
    await finish(response).catch((error) => show(words(error)));
  };
  suggest().catch(() => {});
})();
