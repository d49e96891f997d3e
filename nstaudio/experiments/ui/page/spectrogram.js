// Pictures of sounds: a spectrogram with a logarithmic axis of frequency, and a waveform's peaks.

const N_FFT = 2048, LOW_HZ = 50, HIGH_HZ = 12000, RANGE_DB = 75;

// Black, violet, red, yellow: brightness grows evenly, so it reads without colours, too.
const COLOURS = [
  [0, 0, 4], [40, 11, 84], [101, 21, 110], [159, 42, 99], [212, 72, 66], [245, 125, 21],
  [250, 193, 39], [252, 255, 164],
];

function palette(share) {
  const at = Math.min(0.9999, Math.max(0, share)) * (COLOURS.length - 1);
  const i = Math.floor(at);
  return COLOURS[i].map((low, c) => low + (COLOURS[i + 1][c] - low) * (at - i));
}

/** In place; `re` and `im` have a power of two of elements. */
function fft(re, im) {
  const n = re.length;
  for (let i = 1, j = 0; i < n; i++) {
    let bit = n >> 1;
    for (; j & bit; bit >>= 1) j ^= bit;
    j ^= bit;
    if (i < j) {
      [re[i], re[j]] = [re[j], re[i]];
      [im[i], im[j]] = [im[j], im[i]];
    }
  }
  for (let size = 2; size <= n; size <<= 1) {
    const half = size >> 1, turn = -2 * Math.PI / size;
    for (let k = 0; k < half; k++) {
      const c = Math.cos(turn * k), s = Math.sin(turn * k);
      for (let i = k; i < n; i += size) {
        const j = i + half;
        const r = re[j] * c - im[j] * s, m = re[j] * s + im[j] * c;
        re[j] = re[i] - r;
        im[j] = im[i] - m;
        re[i] += r;
        im[i] += m;
      }
    }
  }
}

const WINDOW = Float64Array.from({ length: N_FFT },
  (_, i) => 0.5 - 0.5 * Math.cos(2 * Math.PI * i / N_FFT));

/** Powers in dB, a row of `height` bands from low to high for each of `width` moments. */
function levels(buffer, width, height, begin, end) {
  const x = buffer.getChannelData(0), sr = buffer.sampleRate, found = [];
  const first = begin * sr, length = (end - begin) * sr;
  const top = Math.min(HIGH_HZ, sr / 2.1);
  const edges = Array.from({ length: height + 1 },
    (_, b) => LOW_HZ * (top / LOW_HZ) ** (b / height) * N_FFT / sr);
  const re = new Float64Array(N_FFT), im = new Float64Array(N_FFT);
  for (let column = 0; column < width; column++) {
    const middle = Math.floor(first + (column + 0.5) / width * length) - N_FFT / 2;
    for (let i = 0; i < N_FFT; i++) re[i] = (x[middle + i] ?? 0) * WINDOW[i];
    im.fill(0);
    fft(re, im);
    const row = new Float64Array(height);
    for (let b = 0; b < height; b++) {
      let power = 0;
      const from = Math.round(edges[b]), to = Math.max(from + 1, Math.round(edges[b + 1]));
      for (let k = from; k < to; k++) power += re[k] * re[k] + im[k] * im[k];
      row[b] = 10 * Math.log10(power / (to - from) + 1e-12) + 3 * Math.log2((b + 8) / height);
    }
    found.push(row);
  }
  return found;
}

/** Draw the part of a buffer from `begin` to `end`, seconds. */
export function drawSpectrogram(canvas, buffer, begin = 0, end = buffer.duration) {
  const width = canvas.width = 480, height = canvas.height = 96;
  const rows = levels(buffer, width, height, begin, end);
  let highest = -Infinity;
  for (const row of rows) for (const level of row) highest = Math.max(highest, level);
  const picture = new ImageData(width, height);
  rows.forEach((row, column) => row.forEach((level, b) => {
    const at = 4 * ((height - 1 - b) * width + column);
    const colour = palette(1 + (level - highest) / RANGE_DB);
    picture.data.set([...colour, 255], at);
  }));
  canvas.getContext("2d").putImageData(picture, 0, 0);
}

/** The largest amplitude in each of `n` parts. */
export function peaks(buffer, n) {
  const x = buffer.getChannelData(0), found = new Float32Array(n);
  const step = x.length / n;
  for (let i = 0; i < n; i++) {
    const stop = Math.min(x.length, Math.ceil((i + 1) * step));
    for (let k = Math.floor(i * step); k < stop; k++) {
      const a = Math.abs(x[k]);
      if (a > found[i]) found[i] = a;
    }
  }
  return found;
}
