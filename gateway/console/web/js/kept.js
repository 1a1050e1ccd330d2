/* What this browser remembers of its own setting: language, theme, sound. Never a plate or a name. */

export function kept(name) {
  try {
    return localStorage.getItem(`checkpoint.${name}`);
  } catch {
    return null; /* storage switched off: the setting lasts as long as the page */
  }
}

export function keep(name, value) {
  try {
    localStorage.setItem(`checkpoint.${name}`, value);
  } catch {
    /* as above */
  }
}
