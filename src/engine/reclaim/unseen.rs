//! What stands for `seen` without the feature `inspect`: nothing is noted, and nothing kept.

use crate::engine::memory::frame::Frame;

/// # Safety
/// None.
#[inline(always)]
pub(in crate::engine) unsafe fn left(_: *const Frame) {}

/// # Safety
/// None.
#[inline(always)]
pub(in crate::engine) unsafe fn left_with_others(_: *const Frame) {}

/// # Safety
/// None.
#[inline(always)]
pub(in crate::engine) unsafe fn all_left(_: *const Frame, _: *const Frame) {}

/// # Safety
/// None.
#[inline(always)]
pub(in crate::engine) unsafe fn left_with(_: *const Frame, _: *const Frame) {}

/// # Safety
/// None.
#[inline(always)]
pub(in crate::engine) unsafe fn derived(_: *const Frame) {}

/// # Safety
/// None.
#[inline(always)]
pub(in crate::engine) unsafe fn ended(_: *const Frame) {}

#[inline(always)]
pub(crate) fn make_room() {}
