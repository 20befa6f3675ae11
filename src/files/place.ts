/** Names of files: what lies in a folder, what leaves it, and addresses of the form s3://bucket/key. */
import { Refusal } from "../system/errors.ts";

/** A key that ends in "/", or an empty one, is a folder. */
export interface Place {
  readonly bucket: string;
  readonly key: string;
}

const SCHEME = "s3://";
const KEY_BYTES_MAX = 1024;
/** File systems take 255; what is fetched has a longer name until it is whole. */
const SEGMENT_BYTES_MAX = 220;
const BUCKET = /^[A-Za-z0-9][A-Za-z0-9._-]{1,62}$/;
// oxlint-disable-next-line no-control-regex -- they are what is looked for
const CONTROL = /[\u0000-\u001f\u007f]/;

export function isUri(text: string): boolean {
  return text.startsWith(SCHEME);
}

export function uriOf({ bucket, key }: Place): string {
  return `${SCHEME}${bucket}/${key}`;
}

export function readUri(uri: string): Place {
  const rest = uri.slice(SCHEME.length);
  const slash = rest.indexOf("/");
  const bucket = slash === -1 ? rest : rest.slice(0, slash);
  if (!isUri(uri) || !BUCKET.test(bucket)) {
    throw wrongName(uri, "is no address of a file: it has to be s3://bucket/key");
  }
  return { bucket, key: checkedName(slash === -1 ? "" : rest.slice(slash + 1), uri) };
}

export function isBucketName(text: string): boolean {
  return BUCKET.test(text);
}

export function jobFolder(bucket: string, jobId: string): Place {
  return { bucket, key: `jobs/${jobId}/` };
}

export function isFolder({ key }: Place): boolean {
  return key === "" || key.endsWith("/");
}

export function below(folder: Place, name: string): Place {
  const key = folder.key + name;
  if (Buffer.byteLength(key) > KEY_BYTES_MAX)
    throw wrongName(name, `is longer than ${KEY_BYTES_MAX} bytes with its folder`);
  return { bucket: folder.bucket, key };
}

/** "dataset/a.txt": "a.txt"; "dataset/": "dataset" */
export function baseName(name: string): string {
  return name.replace(/\/$/, "").split("/").at(-1) ?? "";
}

/** Relative, and inside of whatever folder it is put below. Empty: that folder itself. `shown` is what the user wrote. */
export function checkedName(name: string, shown = name): string {
  if (CONTROL.test(name)) throw wrongName(shown, "has control characters");
  if (name.startsWith("/")) throw leaves(shown);
  if (name.includes("\\")) throw wrongName(shown, "has a backslash: folders are parted by /");
  if (Buffer.byteLength(name) > KEY_BYTES_MAX)
    throw wrongName(shown.slice(0, 100), `is longer than ${KEY_BYTES_MAX} bytes`);
  const segments = name.replace(/\/$/, "").split("/");
  for (const segment of segments) {
    if (segment === "..") throw leaves(shown);
    if (segment === "." || (segment === "" && name !== "")) throw wrongName(shown, 'has an empty part or a "."');
    if (Buffer.byteLength(segment) > SEGMENT_BYTES_MAX) {
      throw wrongName(shown.slice(0, 100), `has a part of more than ${SEGMENT_BYTES_MAX} bytes`);
    }
  }
  return name;
}

export function leaves(name: string): Refusal {
  const sentence = `${JSON.stringify(name)} leaves the folder that it has to lie in: give a name inside of it, without "..", a leading "/" or a link that leads out.`;
  return new Refusal("FILE_OUTSIDE_FOLDER", 400, sentence);
}

export function wrongName(name: string, why: string): Refusal {
  return new Refusal("WRONG_FILE_NAME", 400, `${JSON.stringify(name)} ${why}: give another name.`);
}
