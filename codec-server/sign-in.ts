/** The page where people give the shared token, since the Temporal UI has no place for it. No script runs in it. */
import { createHash } from 'node:crypto';

const STYLE =
  'body{font:16px/1.5 system-ui,sans-serif;max-width:34rem;margin:4rem auto;padding:0 1rem}input,button{font:inherit;padding:.4rem .6rem}.bad{color:#b00020}';
const STYLE_HASH = createHash('sha256').update(STYLE).digest('base64');

export const PAGE_HEADERS = {
  'Content-Type': 'text/html; charset=utf-8',
  'Content-Security-Policy': `default-src 'none'; style-src 'sha256-${STYLE_HASH}'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'`,
  'Referrer-Policy': 'same-origin',
};

const FORM = `<form method="post" action="sign-in">
<p><label for="token">Token</label><br>
<input id="token" name="token" type="password" autocomplete="current-password" required autofocus>
<button>Sign in</button></p>
</form>`;
const SIGNED_IN = `<p><strong>You are signed in</strong>, for at most twelve hours.</p>
<p>Now in the Temporal UI, under the codec server's settings (the glasses in the upper right corner): use your own
endpoint, give the address of this page without the slash at its end, and switch on "Include cross-origin
credentials".</p>`;
const WRONG = '<p class="bad" role="alert">This token is not accepted.</p>';

/** `state`: what is to be said to whoever opens it. */
export function signInPage(state: 'signed out' | 'signed in' | 'wrong token'): string {
  const content = state === 'signed in' ? SIGNED_IN : `${state === 'wrong token' ? WRONG : ''}${FORM}`;
  return `<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>Codec server</title><style>${STYLE}</style></head>
<body>
<h1>Codec server</h1>
<p>Shows decrypted payloads in the Temporal UI to people who may see them.</p>
${content}
</body>
</html>
`;
}
