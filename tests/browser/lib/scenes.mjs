// Invented hits for the screenshots: an exact one of priority 1, a look-alike with two lines of characters, one whose
// picture came later, one with dangerous people, and one that is dealt with.
import { box, until } from './box.mjs';
import { makeHit } from './console.mjs';
import { drawPictures } from './picture.mjs';

const CARD = { vehicle: '灰色大众帕萨特轿车', instructions: '勿惊动车内人员，先控制车钥匙' };

async function handIn(context, name, plate, colour) {
  const drawn = await drawPictures(context, plate, colour);
  await box('picture', { name: `${name}-scene`, kind: 'scene', data: drawn.scene });
  await box('picture', { name: `${name}-crop`, kind: 'crop', data: drawn.crop });
  await box('picture', { name: `${name}-later`, kind: 'later', data: drawn.scene });
  return [`${name}-scene`, `${name}-crop`];
}

const list = (plate, fields) => box('list_entries', { plates: [plate], class: '02', ...CARD, ...fields });

/** A vehicle with dangerous people. */
export async function makeRisk(context) {
  await list('苏C5D881', { category: 'fugitive', priority: 1, officer_risk: ['armed', 'several_people'] });
  return (await makeHit('苏C5D881', { pictures: await handIn(context, 'r', '苏C5D881') })).hit;
}

/** The hits by name, and a plate that is listed. */
export async function invent(context) {
  await list('鲁H8B345', { category: 'fugitive', priority: 1, reason: '在逃人员驾乘' });
  await list('鲁R66218', { category: 'stolen' });
  await list('鲁HB417挂', { category: 'stolen', class: '15', vehicle: '红色低平板半挂车', instructions: null });
  await list('豫N7K206', { category: 'case' });
  await list('鲁HD12345', { category: 'hit_and_run', class: '52', vehicle: '白色比亚迪轿车', instructions: null });
  const caught = await makeHit('鲁HD12345', { plate_class: '52', pictures: await handIn(context, 'c', '鲁HD12345', 'green') });
  const snapshot = await makeHit('豫N7K206', { camera: 12 });
  await handIn(context, 'n', '豫N7K206');
  const alike = await makeHit('鲁H8417挂', { plate_class: '15', colour: 6, pictures: await handIn(context, 'a', '鲁H8417挂', 'yellow') });
  const first = await makeHit('鲁H8B345', { camera: 12, confidence: 96, pictures: await handIn(context, 'f', '鲁H8B345') });
  return { caught: caught.hit, snapshot: snapshot.hit, alike: alike.hit, first: first.hit, plate: '鲁R66218', event: snapshot.read.event_id };
}

/** The picture that was taken after the read. */
export const later = (hits) => box('hand_in', { name: 'n-later', event: hits.event, camera: 12 });

/** Signed for, looked at, confirmed and being intercepted, by an officer at the box; act(role, name, args). */
export async function makeHandled(hit, act) {
  await act('officer', 'hit_show', { hit });
  await act('officer', 'hit_sign', { hit });
  await until('it was looked at long enough', async () => {
    const { ok, error } = await box('act_as', { role: 'officer', name: 'hit_confirm', args: {
      hit, plate_agrees: true, class_agrees: true, vehicle_agrees: true } });
    if (!ok && error.code !== 'too_soon') throw new Error(JSON.stringify(error));
    return ok;
  });
  await act('officer', 'hit_intercept', { hit });
}
