//! What is known of this machine without asking the network.

use std::{fs, io, net::IpAddr, path::Path};

/// The users that packages of coturn run it as, if turnserver.conf names none.
const USUAL_USERS: [&str; 2] = ["turnserver", "coturn"];

/// This machine.
#[derive(Clone, Debug, Default)]
pub(crate) struct Machine {
    /// The addresses of its interfaces; empty if they are not known.
    pub(crate) addresses: Vec<IpAddr>,
    passwd: String,
    group: String,
}

/// A user of this machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct User {
    pub(crate) name: String,
    pub(crate) uid: u32,
    pub(crate) gids: Vec<u32>,
}

impl Machine {
    /// Looks at the interfaces and at the users in `/etc`.
    pub(crate) fn this() -> Self {
        let interfaces = if_addrs::get_if_addrs().unwrap_or_default();
        Self::new(
            interfaces.iter().map(if_addrs::Interface::ip).collect(),
            &fs::read_to_string("/etc/passwd").unwrap_or_default(),
            &fs::read_to_string("/etc/group").unwrap_or_default(),
        )
    }

    pub(crate) fn new(addresses: Vec<IpAddr>, passwd: &str, group: &str) -> Self {
        Self { addresses, passwd: passwd.to_owned(), group: group.to_owned() }
    }

    /// The user that coturn runs as: by `proc-user`, or as packages have it.
    pub(crate) fn server_user(&self, proc_user: Option<&str>) -> Option<User> {
        match proc_user {
            Some(name) => self.user(name),
            None => USUAL_USERS.iter().find_map(|name| self.user(name)),
        }
    }

    fn user(&self, name: &str) -> Option<User> {
        let fields = |line: &str| line.split(':').map(str::to_owned).collect::<Vec<_>>();
        let entry = self.passwd.lines().map(fields).find(|fields| fields[0] == name)?;
        let (uid, gid) = (entry.get(2)?.parse().ok()?, entry.get(3)?.parse().ok()?);
        let others = self.group.lines().map(fields).filter_map(|fields| {
            let is_member = fields.get(3)?.split(',').any(|member| member == name);
            is_member.then(|| fields[2].parse().ok())?
        });
        let gids = std::iter::once(gid).chain(others).collect();
        Some(User { name: name.to_owned(), uid, gids })
    }
}

/// What a user may do with a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Access {
    /// Read it.
    Readable,
    /// Not read it, or not enter its directory.
    Denied,
    /// It cannot be told.
    Unknown,
}

impl User {
    /// Whether the user may read a file, by the modes of the file and of the directories that lead to it:
    /// by its name and, if that is a link, to where it really is. Access control lists are not looked at.
    #[cfg(unix)]
    pub(crate) fn access_to(&self, file: &Path) -> Access {
        const READ: u32 = 4;
        const ENTER: u32 = 1;
        let target = fs::canonicalize(file);
        let mut directories: Vec<&Path> = file.ancestors().skip(1).collect();
        if let Ok(target) = &target {
            directories.extend(target.ancestors().skip(1));
        }
        let directories = directories.into_iter().filter(|path| !path.as_os_str().is_empty());
        let mut known = Ok(());
        for (path, bit) in directories.map(|path| (path, ENTER)).chain([(file, READ)]) {
            match self.may(path, bit) {
                Ok(true) => {}
                Ok(false) => return Access::Denied,
                Err(error) => known = Err(error),
            }
        }
        known.map_or(Access::Unknown, |()| Access::Readable)
    }

    #[cfg(not(unix))]
    pub(crate) fn access_to(&self, _file: &Path) -> Access {
        Access::Unknown
    }

    #[cfg(unix)]
    fn may(&self, path: &Path, bit: u32) -> io::Result<bool> {
        use std::os::unix::fs::MetadataExt;

        let metadata = fs::metadata(path)?;
        let class = match metadata {
            _ if self.uid == 0 => return Ok(true),
            ref metadata if metadata.uid() == self.uid => 6,
            ref metadata if self.gids.contains(&metadata.gid()) => 3,
            _ => 0,
        };
        Ok(metadata.mode() >> class & bit != 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PASSWD: &str = "root:x:0:0::/root:/bin/sh\nturnserver:x:102:109::/:/bin/false\n";
    const GROUP: &str = "root:x:0:\nssl-cert:x:115:postgres,turnserver\n";

    #[test]
    fn the_servers_user_is_the_one_that_is_named_or_the_packages() {
        let machine = Machine::new(vec![], PASSWD, GROUP);
        let user = machine.server_user(None).unwrap();
        assert_eq!((user.name.as_str(), user.uid), ("turnserver", 102));
        assert_eq!(user.gids, [109, 115]);
        assert_eq!(machine.server_user(Some("root")).unwrap().uid, 0);
        assert_eq!(machine.server_user(Some("alice")), None);
    }

    #[cfg(unix)]
    #[test]
    fn a_file_is_readable_if_its_directories_let_the_user_in() {
        use std::os::unix::fs::PermissionsExt;

        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("key.pem");
        fs::write(&file, "").unwrap();
        let set = |path: &Path, mode| {
            fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
        };
        let stranger = User { name: "turnserver".to_owned(), uid: 54_321, gids: vec![54_321] };
        set(&file, 0o644);
        set(directory.path(), 0o700);
        assert_eq!(stranger.access_to(&file), Access::Denied, "the directory is 0700");
        set(directory.path(), 0o755);
        assert_eq!(stranger.access_to(&file), Access::Readable);
        set(&file, 0o600);
        assert_eq!(stranger.access_to(&file), Access::Denied);
        assert_eq!(stranger.access_to(&directory.path().join("none")), Access::Unknown);
    }
}
