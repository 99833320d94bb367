//! Calls that last longer than the credentials they began with: over relays only, with numbered
//! messages both ways, so that it shows what is lost and when nothing arrived.

mod flow;
mod hold;
mod measure;
mod native;
mod venue;
mod web;

pub(crate) use self::{
    flow::Report,
    hold::{Call, Held, hold},
    measure::{MEASUREMENTS, measure},
    native::{NativeCall, Renewal},
    venue::{Server, Venue},
    web::WebCall,
};
