//! Suites of the engine, on a slot for each thread. It is registered as the program starts, before
//! the first test.
#![cfg(target_os = "linux")]

mod per_thread;

#[path = "../../hidden.rs"]
mod hidden;
#[path = "../../model_found.rs"]
mod model_found;
#[path = "../../reentry.rs"]
mod reentry;
#[path = "../../sound.rs"]
mod sound;
#[path = "../../weak.rs"]
mod weak;

#[used]
#[unsafe(link_section = ".init_array")]
static AT_START: extern "C" fn() = register;

extern "C" fn register() {
    // SAFETY: each thread is given its own slot, until the slot's drop begins.
    let registered = unsafe { stackholm::embed::Slot::register(per_thread::find) };
    assert!(registered.is_ok());
}
