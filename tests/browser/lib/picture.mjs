// Invented pictures: a road, a car and its plate drawn on a canvas, as JPEG.

/* global document */
function draw({ plate, colour, scene }) {
  const [width, height] = scene ? [960, 540] : [320, 110];
  const canvas = document.createElement('canvas');
  Object.assign(canvas, { width, height });
  const brush = canvas.getContext('2d');
  const fill = (style, ...box) => {
    brush.fillStyle = style;
    brush.fillRect(...box);
  };
  const plateAt = (x, y, w, h) => {
    fill(colour === 'yellow' ? '#e8b000' : colour === 'white' ? '#f4f4f4' : colour === 'green' ? '#5fbf7f' : '#1447a0',
      x, y, w, h);
    brush.strokeStyle = '#fff';
    brush.lineWidth = h / 24;
    brush.strokeRect(x + h / 14, y + h / 14, w - h / 7, h - h / 7);
    brush.fillStyle = colour === 'blue' || !colour ? '#fff' : '#111';
    brush.font = `bold ${Math.round(h * 0.62)}px sans-serif`;
    brush.textAlign = 'center';
    brush.textBaseline = 'middle';
    brush.fillText(`${plate.slice(0, 2)}·${plate.slice(2)}`, x + w / 2, y + h * 0.54, w * 0.88);
  };
  if (!scene) {
    fill('#30343a', 0, 0, width, height);
    plateAt(12, 10, width - 24, height - 20);
  } else {
    fill('#8fa6ba', 0, 0, width, 210);
    fill('#5c6b4a', 0, 190, width, 60);
    fill('#4a4d52', 0, 240, width, 300);
    for (let y = 250; y < height; y += 60) fill('#d8d8d0', 470, y, 14, 34);
    fill('#2c3e58', 330, 180, 300, 120);
    fill('#9fb7c9', 355, 195, 250, 80);
    fill('#33486a', 290, 290, 380, 150);
    fill('#f2e8b8', 305, 320, 60, 36);
    fill('#f2e8b8', 595, 320, 60, 36);
    fill('#1c1c1e', 310, 430, 70, 50);
    fill('#1c1c1e', 580, 430, 70, 50);
    plateAt(405, 372, 150, 48);
  }
  return canvas.toDataURL('image/jpeg', 0.8).split(',')[1];
}

/** {scene, crop} of a vehicle, base64, drawn in a page of the browser that shows nothing else. */
export async function drawPictures(context, plate, colour = 'blue') {
  const page = await context.newPage();
  try {
    return { scene: await page.evaluate(draw, { plate, colour, scene: true }),
      crop: await page.evaluate(draw, { plate, colour, scene: false }) };
  } finally {
    await page.close();
  }
}
