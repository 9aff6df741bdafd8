//! Folders of images: one folder per class, the classes numbered in the order of their names.

use std::{
    fs,
    io::Write,
    path::{Path, PathBuf},
    thread,
};

use image::{ImageReader, Limits, imageops::FilterType};
use sweep_wire::Folder;

use super::{
    array::{Array, Bytes, Kind},
    spool::Memory,
};

/// The widest and highest image that is decoded, in pixels.
const MAX_SIDE: u32 = 16_384;
/// The most memory that decoding one image may take, in bytes.
const MAX_ALLOC: u64 = 1 << 30;
/// Images that each thread decodes before what was decoded is put away.
const AT_A_TIME: usize = 32;

/// What a folder holds.
pub(crate) struct Pictures {
    pub(crate) count: usize,
    pub(crate) images: Array,
    pub(crate) labels: Array,
    pub(crate) classes: Vec<String>,
}

/// Reads all images; `classes` are those of the training set, where this is another.
///
/// # Errors
/// The file or folder at fault, and what is wrong with it in a fragment that reads well after its name.
pub(crate) fn read(
    folder: &Folder,
    classes: Option<&[String]>,
    memory: &mut Memory,
) -> Result<Pictures, (PathBuf, String)> {
    let (found, files) = list(&folder.folder)?;
    if let Some(known) = classes.filter(|known| *known != found.as_slice()) {
        let odd = found.iter().find(|class| !known.contains(class));
        let problem = match (odd, known.iter().find(|class| !found.contains(class))) {
            (Some(odd), _) => format!("has a class `{}` that the training set has not", odd.escape_debug()),
            (_, Some(lacks)) => {
                format!("has no class `{}`, which the training set has", lacks.escape_debug())
            }
            _ => "has other classes than the training set".to_owned(),
        };
        return Err((folder.folder.clone(), problem));
    }
    let channels = if folder.channels == 1 { 1 } else { 3 };
    let (height, width) = match folder.resize {
        Some([height, width]) => (height, width),
        None => size(&files)?,
    };
    let mut spool = memory.spool();
    let threads = thread::available_parallelism().map_or(1, usize::from);
    for block in files.chunks(threads * AT_A_TIME) {
        let decoded: Vec<Result<Vec<u8>, (PathBuf, String)>> = thread::scope(|scope| {
            let decode = |part: &[(PathBuf, i64)]| -> Result<Vec<u8>, (PathBuf, String)> {
                let mut pixels = Vec::with_capacity(part.len() * channels * (height * width) as usize);
                for (path, _) in part {
                    decode(path, channels, (height, width), folder.resize.is_some(), &mut pixels)
                        .map_err(|problem| (path.clone(), problem))?;
                }
                Ok(pixels)
            };
            let parts = block.chunks(AT_A_TIME).map(|part| scope.spawn(move || decode(part)));
            let running: Vec<_> = parts.collect();
            let crashed = |_| Err((folder.folder.clone(), "made the image decoder crash".to_owned()));
            running.into_iter().map(|thread| thread.join().unwrap_or_else(crashed)).collect()
        });
        for pixels in decoded {
            spool.write_all(&pixels?).map_err(|error| (folder.folder.clone(), broken(&error)))?;
        }
    }
    let pixels = spool.finish().map_err(|error| (folder.folder.clone(), broken(&error)))?;
    let labels: Vec<u8> = files.iter().flat_map(|(_, class)| class.to_le_bytes()).collect();
    memory.left = memory.left.saturating_sub(labels.len() as u64);
    Ok(Pictures {
        count: files.len(),
        images: Array::packed(vec![channels, height as usize, width as usize], Kind::U8, pixels),
        labels: Array::packed(vec![], Kind::I64, Bytes::Memory(labels)),
        classes: found,
    })
}

type Files = Vec<(PathBuf, i64)>;

/// Height and width of the images where all have the same; nothing if this is no folder of images for each class.
#[expect(clippy::option_option, reason = "a folder of images of several sizes is one too")]
pub(crate) fn probe(folder: &Path) -> Option<Option<[u32; 2]>> {
    let (_, files) = list(folder).ok()?;
    let is_image = |(path, _): &(PathBuf, i64)| open(path).is_ok();
    files.first().filter(|file| is_image(file))?;
    Some(size(&files).ok().map(|(height, width)| [height, width]))
}

/// The classes, and each image with its class; both in the order of names.
fn list(root: &Path) -> Result<(Vec<String>, Files), (PathBuf, String)> {
    let mut classes = Vec::new();
    let mut files = Vec::new();
    for path in entries(root)? {
        if !is_folder(&path)? {
            return Err((path, "lies where there should be one folder per class".to_owned()));
        }
        let Some(name) = path.file_name().and_then(|name| name.to_str()) else {
            return Err((path, "has a name that is not UTF-8".to_owned()));
        };
        let class = classes.len() as i64;
        classes.push(name.to_owned());
        let images = entries(&path)?;
        if images.is_empty() {
            return Err((path, "has no images".to_owned()));
        }
        for image in images {
            if is_folder(&image)? {
                return Err((image, "is a folder inside the folder of a class".to_owned()));
            }
            files.push((image, class));
        }
    }
    if files.is_empty() {
        return Err((root.to_owned(), "has no folder of images; each class has one".to_owned()));
    }
    Ok((classes, files))
}

/// What is in a folder, hidden files left out, in the order of names.
fn entries(folder: &Path) -> Result<Vec<PathBuf>, (PathBuf, String)> {
    let failed = |error: std::io::Error| (folder.to_owned(), broken(&error));
    let mut paths = Vec::new();
    for entry in fs::read_dir(folder).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        if !entry.file_name().as_encoded_bytes().starts_with(b".") {
            paths.push(entry.path());
        }
    }
    paths.sort();
    Ok(paths)
}

/// Links are followed; one that leads nowhere or in a circle is an error.
fn is_folder(path: &Path) -> Result<bool, (PathBuf, String)> {
    let found = fs::metadata(path).map_err(|error| (path.to_owned(), broken(&error)))?;
    match found.is_dir() || found.is_file() {
        true => Ok(found.is_dir()),
        false => Err((path.to_owned(), "is neither a file nor a folder".to_owned())),
    }
}

/// Height and width that all images have.
fn size(files: &Files) -> Result<(u32, u32), (PathBuf, String)> {
    let mut first: Option<(&Path, (u32, u32))> = None;
    for (path, _) in files {
        let size = open(path).and_then(|image| image.into_dimensions().map_err(|error| undecodable(&error)));
        let (width, height) = size.map_err(|problem| (path.clone(), problem))?;
        let (other, known) = first.get_or_insert((path, (height, width)));
        if *known != (height, width) {
            let problem = format!(
                "is {height}×{width} pixels, and `{}` is {}×{}; `resize: [H, W]` makes all of them alike",
                other.display(),
                known.0,
                known.1
            );
            return Err((path.clone(), problem));
        }
    }
    first.map(|(_, size)| size).ok_or_else(|| (PathBuf::new(), "has no images".to_owned()))
}

/// Appends an image's pixels, channel by channel.
fn decode(
    path: &Path,
    channels: usize,
    (height, width): (u32, u32),
    resize: bool,
    out: &mut Vec<u8>,
) -> Result<(), String> {
    let mut image = open(path)?.decode().map_err(|error| undecodable(&error))?;
    if resize && (image.height(), image.width()) != (height, width) {
        image = image.resize_exact(width, height, FilterType::Triangle);
    }
    if (image.height(), image.width()) != (height, width) {
        return Err("has changed while it was read".to_owned());
    }
    if channels == 1 {
        out.extend_from_slice(image.to_luma8().as_raw());
        return Ok(());
    }
    let pixels = image.to_rgb8();
    for channel in 0..3 {
        out.extend(pixels.as_raw().iter().skip(channel).step_by(3));
    }
    Ok(())
}

fn open(path: &Path) -> Result<ImageReader<std::io::BufReader<fs::File>>, String> {
    let mut reader =
        ImageReader::open(path).and_then(ImageReader::with_guessed_format).map_err(|error| broken(&error))?;
    let mut limits = Limits::default();
    limits.max_image_width = Some(MAX_SIDE);
    limits.max_image_height = Some(MAX_SIDE);
    limits.max_alloc = Some(MAX_ALLOC);
    reader.limits(limits);
    match reader.format() {
        Some(_) => Ok(reader),
        None => Err("is no image that can be read; PNG, JPEG, GIF, WebP and BMP can".to_owned()),
    }
}

fn undecodable(error: &image::ImageError) -> String {
    format!("cannot be decoded: {error}")
}

fn broken(error: &std::io::Error) -> String {
    format!("cannot be read: {error}")
}
