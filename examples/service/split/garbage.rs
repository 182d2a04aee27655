//! A port that answers everything with bytes that are no answer.

use rand::rngs::StdRng;
use rand::{Rng, RngCore, SeedableRng};
use stackholm::tokio::spawn_detached;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::yield_now;

/// Serves until it is dropped.
pub(crate) async fn serve(listener: TcpListener, seed: u64) {
    for number in 0.. {
        match listener.accept().await {
            Ok((stream, _)) => drop(spawn_detached(answer(stream, seed ^ number))),
            Err(_) => yield_now().await,
        }
    }
}

/// Sends random bytes, some of which begin like a response. Then closes the connection.
async fn answer(mut stream: TcpStream, seed: u64) {
    let mut rng = StdRng::seed_from_u64(seed);
    let begins: [&[u8]; 4] = [
        b"",
        b"HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\n7 Some(",
        b"HTTP/1.1 200 OK\r\nbaggage: tenant=evil\r\nx",
        b"\x00\x00\x00\x04\x00\x00\x00\x00\x00",
    ];
    let mut bytes = vec![0; rng.random_range(1..2_000)];
    rng.fill_bytes(&mut bytes);
    let mut request = [0; 64];
    // It does not matter whether this succeeds.
    let _ = stream.read(&mut request).await;
    let _ = stream.write_all(begins[rng.random_range(0..begins.len())]).await;
    let _ = stream.write_all(&bytes).await;
}
