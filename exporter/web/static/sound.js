// Three tones on a new outage: made here, off until somebody asks for them, since a browser plays nothing unasked.

import { byId, icon, mark } from "./dom.js";

let audio = null;

function tone(at, pitch) {
  const [source, volume] = [audio.createOscillator(), audio.createGain()];
  source.frequency.value = pitch;
  volume.gain.setValueAtTime(0.0001, at);
  volume.gain.exponentialRampToValueAtTime(0.25, at + 0.02);
  volume.gain.exponentialRampToValueAtTime(0.0001, at + 0.32);
  source.connect(volume).connect(audio.destination);
  source.start(at);
  source.stop(at + 0.35);
}

export const alarm = () => audio && [880, 660, 880].forEach((pitch, place) => tone(audio.currentTime + 0.36 * place, pitch));

export function toggleSound() {
  if (audio) {
    audio.close();
    audio = null;
  } else {
    audio = new AudioContext();
    tone(audio.currentTime, 880);
  }
  const button = byId("sound");
  mark(button, "aria-pressed", String(audio !== null));
  button.firstElementChild.replaceWith(icon(audio ? "sound" : "mute"));
}
