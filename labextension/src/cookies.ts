/** The last `_xsrf` cookie, as Jupyter takes it: there is one for each base URL. */
export function xsrfCookie(cookies: string): string {
  const found = cookies.split('; ').filter(cookie => cookie.startsWith('_xsrf='));
  return found.length === 0 ? '' : found[found.length - 1].slice('_xsrf='.length);
}
