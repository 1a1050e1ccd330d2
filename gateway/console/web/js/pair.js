/* The pairing page: a code typed once gives the tablet's certificate, locked with a password. */
const form = document.getElementById('pair');
const said = document.getElementById('said');
const textOf = (id) => document.getElementById(id).textContent;

function save(bundle) {
  const link = document.createElement('a');
  link.href = URL.createObjectURL(bundle);
  link.download = 'tablet.p12';
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60000);
}

form.addEventListener('submit', async (event) => {
  event.preventDefault();
  said.textContent = '…';
  try {
    const answer = await fetch('/api/pair', {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify({ code: form.elements.code.value }),
    });
    if (answer.ok) {
      save(await answer.blob());
      said.textContent = textOf('done');
    } else {
      const { error } = await answer.json();
      said.textContent = `${error.zh} ${error.en}`;
    }
  } catch {
    said.textContent = textOf('away');
  }
});
